import { expect, test } from "vitest";
import type { RegistrationId, ServiceKey } from "../../src/core/model/names.ts";
import { aControlPlane, anInput, TestAgent } from "../support/control-plane.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** Whole fleets that come, go, or cannot make up their minds, at one replica on a clock moved by hand. */

function lease(id: string, service = "orders") {
  return {
    service: `default/${service}` as ServiceKey,
    instanceId: id as never,
    registrationId: `r-${id}` as RegistrationId,
  };
}

test("sixty of a hundred that say goodbye within a minute are believed at once", async () => {
  const clock = new FakeClock();
  const plane = aControlPlane(clock);
  clock.advance(10);
  for (let i = 0; i < 100; i++) {
    const registrationId = `r-o${i}` as RegistrationId;
    plane.replica.register(anInput({ id: `o${i}`, registrationId, leaseMs: 300_000 }));
  }
  clock.advance(10);
  const agent = new TestAgent(plane, "agent-1").watch();
  agent.ack();
  for (let i = 0; i < 60; i++) {
    clock.advance(500);
    await plane.replica.deregister(lease(`o${i}`));
    agent.ack();
  }
  clock.advance(10);
  const removed = agent.updates.flatMap(({ removals }) => removals.map(({ reason }) => reason));
  expect(removed).toEqual(Array.from({ length: 60 }, () => "deregistered"));
  expect(plane.admin.status()).toMatchObject({ instanceCount: 40, frozen: [] });
});

test("of an instance that comes and goes ten times a second each goodbye is told", async () => {
  const clock = new FakeClock();
  const plane = aControlPlane(clock);
  const agent = new TestAgent(plane, "agent-1").watch();
  for (let i = 0; i < 500; i++) {
    const registrationId = `r-${i}` as RegistrationId;
    plane.replica.register(anInput({ id: "a", registrationId }));
    clock.advance(50);
    agent.ack();
    await plane.replica.deregister({ ...lease("a"), registrationId });
    clock.advance(50);
    agent.ack();
    expect(agent.updates.at(-1)?.removals.map(({ registrationId: of }) => of)).toEqual([
      registrationId,
    ]);
  }
  expect(plane.admin.status().instanceCount).toBe(0);
});

test("an agent that subscribes and leaves ten thousand times leaves nothing behind", () => {
  const clock = new FakeClock();
  const plane = aControlPlane(clock);
  clock.advance(10);
  const agent = new TestAgent(plane, "agent-1");
  const names = Array.from({ length: 100 }, (_, i) => `s${i}`);
  const requests = names.map((service) => ({
    namespace: "default",
    service,
    resume: undefined,
  }));
  for (let round = 0; round < 100; round++) {
    agent.session.subscribe(requests);
    clock.advance(1);
    agent.ack();
    agent.session.unsubscribe(requests);
  }
  const [seen] = plane.admin.agents({ size: 10, token: "" }).items;
  expect(seen?.subscriptionCount).toBe(0);
  const before = agent.frames.length;
  for (const service of names) plane.replica.register(anInput({ service, id: service }));
  clock.advance(100);
  expect(agent.frames.length).toBe(before);
});
