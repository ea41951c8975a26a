import { beforeEach, describe, expect, test } from "vitest";
import { aLease } from "../../../test/support/builders.ts";
import { aControlPlane, anInput, TestAgent } from "../../../test/support/control-plane.ts";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import type { DrainResult } from "../../ports/registry-service.ts";
import type { ControlPlane } from "./start.ts";

let clock: FakeClock;
let plane: ControlPlane;
const patience = new AbortController().signal;

/** Lets promises run: time stands still meanwhile. */
const settlePromises = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};

/** Starts a drain of `a`; the answer appears in the returned box. */
async function drain(deadlineMs = 10_000): Promise<{ answer: DrainResult | undefined }> {
  const box: { answer: DrainResult | undefined } = { answer: undefined };
  void plane.replica.drain(aLease("a"), deadlineMs, patience).then((answer) => {
    box.answer = answer;
  });
  await settlePromises();
  return box;
}

const reasons = (answer: DrainResult | undefined): string[] | undefined =>
  answer?.pending.map(({ agentId, kind }) => `${agentId} ${kind}`);

beforeEach(() => {
  clock = new FakeClock();
  plane = aControlPlane(clock);
  clock.advance(10);
  plane.replica.register(anInput({ id: "a", registrationId: "ra" as never }));
  plane.replica.register(anInput({ id: "b", registrationId: "rb" as never }));
});

describe("a drain", () => {
  test("is safe at once when nobody watches", async () => {
    expect((await drain()).answer).toMatchObject({ outcome: "safe", agentCount: 0 });
  });

  test("waits for the acknowledgement of every agent, and for each to be idle", async () => {
    const agents = ["x", "y"].map((id) => new TestAgent(plane, id).watch());
    const box = await drain();
    for (const agent of agents) expect(agent.told.at(-1)).toContain("+a:draining");
    agents[0]?.ack();
    agents[0]?.inFlight("a", "ra", 0);
    agents[1]?.inFlight("a", "ra", 3);
    agents[1]?.ack();
    await settlePromises();
    expect(box.answer).toBeUndefined();
    agents[1]?.inFlight("a", "ra", 0);
    await settlePromises();
    expect(box.answer).toMatchObject({ outcome: "safe", pending: [], agentCount: 2 });
  });

  test("waits for an agent that took the list and holds on to what it had", async () => {
    const agent = new TestAgent(plane, "agent").watch();
    const box = await drain();
    agent.inFlight("a", "ra", 0);
    agent.ack({ held: true });
    await settlePromises();
    expect(box.answer).toBeUndefined();
    agent.ack();
    await settlePromises();
    expect(box.answer?.outcome).toBe("safe");
  });

  test("names at the deadline who holds it up, and why", async () => {
    const agents = ["deaf", "silent", "busy"].map((id) => new TestAgent(plane, id).watch());
    const box = await drain(1_000);
    agents[1]?.ack();
    agents[2]?.ack();
    agents[2]?.inFlight("a", "ra", 2);
    clock.advance(1_001);
    await settlePromises();
    expect(box.answer?.outcome).toBe("deadline");
    expect(reasons(box.answer)).toEqual([
      "deaf not-acknowledged",
      "silent in-flight",
      "busy in-flight",
    ]);
  });

  test("is not satisfied by the acknowledgement of an older version", async () => {
    const agent = new TestAgent(plane, "agent").watch();
    agent.ack();
    const box = await drain();
    agent.inFlight("a", "ra", 0);
    expect(reasons((await drain(0)).answer)).toEqual(["agent not-acknowledged"]);
    agent.ack();
    await settlePromises();
    expect(box.answer?.outcome).toBe("safe");
  });

  test("does not wait for observers", async () => {
    new TestAgent(plane, "watch-command", false).watch();
    expect((await drain()).answer?.outcome).toBe("safe");
  });

  test("counts an agent that was lost until it is back or half a minute passed", async () => {
    const agent = new TestAgent(plane, "agent").watch();
    agent.session.closed(false);
    const box = await drain(60_000);
    expect(reasons((await drain(0)).answer)).toEqual(["agent disconnected"]);
    const back = new TestAgent(plane, "agent").watch();
    back.ack();
    back.inFlight("a", "ra", 0);
    await settlePromises();
    expect(box.answer?.outcome).toBe("safe");
  });

  test("counts an agent whose first answer waits for what it has seen elsewhere", async () => {
    plane = aControlPlane(clock, { whenCaughtUp: () => new Promise(() => undefined) });
    plane.replica.register(anInput({ id: "a", registrationId: "ra" as never }));
    plane.replica.register(anInput({ id: "b", registrationId: "rb" as never }));
    clock.advance(10);
    const seen = [{ replicaId: "elsewhere", epoch: 5, sequence: 9 }];
    const agent = new TestAgent(plane, "agent", true, seen).watch();
    expect((await drain(0)).answer).toMatchObject({ outcome: "deadline", agentCount: 1 });
    expect(reasons((await drain(0)).answer)).toEqual(["agent not-acknowledged"]);
    agent.session.closed(false);
    expect(reasons((await drain(0)).answer)).toEqual(["agent disconnected"]);
  });

  test("lets a lost agent go after half a minute, and one that said goodbye at once", async () => {
    new TestAgent(plane, "polite").watch().session.closed(true);
    new TestAgent(plane, "lost").watch().session.closed(false);
    const box = await drain(60_000);
    clock.advance(29_000);
    await settlePromises();
    expect(box.answer).toBeUndefined();
    clock.advance(1_500);
    await settlePromises();
    expect(box.answer?.outcome).toBe("safe");
  });

  test("is not safe while agents have nobody else to send to", async () => {
    await plane.replica.deregister(aLease("b"));
    const agent = new TestAgent(plane, "agent").watch();
    const box = await drain();
    agent.ack();
    agent.inFlight("a", "ra", 0);
    expect(reasons((await drain(0)).answer)).toEqual(["cp last-endpoint"]);
    plane.replica.register(anInput({ id: "c", registrationId: "rc" as never }));
    clock.advance(300);
    await settlePromises();
    // It has not heard of the newcomer: it still has nobody else.
    expect(box.answer).toBeUndefined();
    agent.ack();
    await settlePromises();
    expect(box.answer?.outcome).toBe("safe");
  });

  test("of one that is evicted meanwhile waits for who has a request there, and for nobody's word on idleness", async () => {
    const [idle, busy] = ["idle", "busy"].map((id) => new TestAgent(plane, id).watch());
    const box = await drain();
    await plane.replica.evict(aLease("a"));
    busy?.inFlight("a", "ra", 1);
    for (const agent of [idle, busy]) agent?.ack();
    await settlePromises();
    expect(box.answer).toBeUndefined();
    busy?.inFlight("a", "ra", 0);
    await settlePromises();
    expect(box.answer?.outcome).toBe("safe");
  });

  test("forgets what agents reported during an earlier drain", async () => {
    const agent = new TestAgent(plane, "agent").watch();
    await drain(0);
    agent.inFlight("a", "ra", 0);
    await plane.replica.undrain(aLease("a"));
    clock.advance(10);
    const again = await drain(0);
    agent.ack();
    expect(reasons((await drain(0)).answer)).toEqual(["agent in-flight"]);
    expect(again.answer?.outcome).toBe("deadline");
  });

  test("is not safe before the server has settled", async () => {
    clock = new FakeClock();
    plane = aControlPlane(clock, { settleAfterMs: 30_000 });
    plane.replica.register(anInput({ id: "a", registrationId: "ra" as never }));
    expect(reasons((await drain(0)).answer)).toEqual(["cp not-settled"]);
    const box = await drain(60_000);
    clock.advance(14_000);
    void plane.replica.renew([aLease("a")]);
    clock.advance(14_000);
    void plane.replica.renew([aLease("a")]);
    clock.advance(3_000);
    await settlePromises();
    expect(box.answer?.outcome).toBe("safe");
  });

  test("of an instance that is not there says so", async () => {
    await expect(plane.replica.drain(aLease("zzz"), 0, patience)).rejects.toMatchObject({
      code: "INSTANCE_NOT_FOUND",
    });
    await expect(plane.replica.drain(aLease("a", "other"), 0, patience)).rejects.toMatchObject({
      code: "SUPERSEDED",
    });
  });
});
