import { expect, test } from "vitest";
import { anInput, TestAgent } from "../../../../test/support/control-plane.ts";
import type { FakeBusNetwork } from "../../../../test/support/fake-bus-network.ts";
import { FakeCluster } from "../../../../test/support/fake-cluster.ts";
import type { ControlPlane } from "../start.ts";

function isTold(agent: TestAgent, id: string): boolean {
  return agent.told.join(" ").includes(`+${id}:`);
}

/** Until the first answer that is for good, and with it. */
function toldForGood({ updates, told }: TestAgent): string {
  return told.slice(0, updates.findIndex(({ settled }) => settled) + 1).join(" ");
}

/** The client of `a` comes to that replica. */
function attach({ replica }: ControlPlane, generation: number): void {
  const session = replica.attach("client", { notice() {}, drain() {}, end() {} });
  session.register(anInput({ id: "a", generation }));
  session.flush();
}

/** Ends the cuts between two of them. */
function join(network: FakeBusNetwork, a: string, b: string): void {
  network.link(a, b).isCut = false;
  network.link(b, a).isCut = false;
}

test("what an agent is told at once is counted before the others are told of it", async () => {
  const cluster = new FakeCluster();
  cluster.network.everyLink({ delayMs: [0, 0] });
  const one = cluster.replica("one");
  const two = cluster.replica("two");
  await cluster.pass(3_000);
  const agent = new TestAgent(one, "agent-1").watch();
  one.replica.register(anInput({ id: "a", registrationId: "r-a" as never }));
  cluster.clock.advance(0.1);
  // So soon after `a`, it waits for what else comes; but what leaves is told to agents at once.
  one.replica.register(anInput({ id: "b", registrationId: "r-b" as never }));
  const lease = { service: "default/orders", instanceId: "a", registrationId: "r-a" } as never;
  await one.replica.deregister(lease);
  expect(agent.told.at(-1)).toContain("+b:");
  // Of what goes out after that, the other one hears nothing for a moment.
  cluster.network.link("one", "two").isCut = true;
  await cluster.pass(100);
  const moved = new TestAgent(two, "agent-1", true, agent.updates.at(-1)?.positions).watch();
  await cluster.pass(100);
  cluster.network.calm();
  for (let i = 0; i < 5; i++) {
    await cluster.pass(1_000);
    moved.ack();
  }
  expect(toldForGood(moved)).toContain("+b:");
});

test("who hears at once of a registration and that it moved waits for where it went", async () => {
  const cluster = new FakeCluster();
  const { network } = cluster;
  const one = cluster.replica("one");
  const two = cluster.replica("two");
  const three = cluster.replica("three");
  await cluster.pass(15_000, 100);
  network.partition(["one"], ["two"]);
  network.partition(["three"], ["one", "two"]);
  const agent = new TestAgent(one, "agent-1").watch();
  attach(one, 1);
  expect(isTold(agent, "a")).toBe(true);
  const seen = agent.updates.at(-1)?.positions;
  attach(two, 2);
  join(network, "one", "two");
  await cluster.pass(3_000);
  join(network, "one", "three");
  const moved = new TestAgent(three, "agent-1", true, seen).watch();
  await cluster.pass(3_000);
  expect(moved.updates.map(({ settled }) => settled)).not.toContain(true);
  network.calm();
  await cluster.pass(5_000);
  moved.ack();
  expect(isTold(moved, "a")).toBe(true);
  expect(moved.updates.at(-1)).toMatchObject({ settled: true });
});

test("a replica that begins where it hears nobody takes nothing from who comes from another one", async () => {
  const cluster = new FakeCluster();
  const { network } = cluster;
  const one = cluster.replica("one");
  await cluster.pass(15_000, 100);
  const agent = new TestAgent(one, "agent-1").watch();
  one.replica.register(anInput({ id: "a" }));
  await cluster.pass(100);
  network.outage();
  const two = cluster.replica("two");
  await cluster.pass(60_000, 100);
  const moved = new TestAgent(two, "agent-1", true, agent.updates.at(-1)?.positions).watch();
  await cluster.pass(3_000);
  moved.ack();
  await cluster.pass(60_000, 100);
  expect(moved.updates.map(({ settled }) => settled)).toEqual([false]);
  network.restore();
  await cluster.pass(5_000);
  moved.ack();
  expect(isTold(moved, "a")).toBe(true);
  expect(moved.updates.at(-1)).toMatchObject({ settled: true });
});

test("who cannot ask for what it lacks does not settle without it", async () => {
  const cluster = new FakeCluster();
  const { network } = cluster;
  const one = cluster.replica("one");
  const two = cluster.replica("two");
  await cluster.pass(15_000, 100);
  network.partition(["one"], ["two"]);
  const agent = new TestAgent(one, "agent-1").watch();
  one.replica.register(anInput({ id: "a" }));
  await cluster.pass(100);
  // It is heard again, but does not hear what it is asked.
  network.link("one", "two").isCut = false;
  const moved = new TestAgent(two, "agent-1", true, agent.updates.at(-1)?.positions).watch();
  await cluster.pass(3_000);
  moved.ack();
  await cluster.pass(100_000, 100);
  expect(moved.updates.map(({ settled }) => settled)).toEqual([false]);
  network.calm();
  await cluster.pass(40_000, 100);
  moved.ack();
  expect(isTold(moved, "a")).toBe(true);
  expect(moved.updates.at(-1)).toMatchObject({ settled: true });
});

test("who is cut off answers nobody for good, until it has heard what was missed", async () => {
  const cluster = new FakeCluster();
  const { network } = cluster;
  const one = cluster.replica("one");
  const two = cluster.replica("two");
  cluster.replica("three");
  await cluster.pass(15_000, 100);
  network.partition(["one", "three"], ["two"]);
  await cluster.pass(15_000, 100);
  one.replica.register(anInput({ id: "a" }));
  // Begun anew, an agent remembers nothing of what it had seen.
  const agent = new TestAgent(two, "agent-1").watch();
  await cluster.pass(5_000, 100);
  agent.ack();
  expect(agent.updates.map(({ settled }) => settled)).not.toContain(true);
  network.calm();
  await cluster.pass(5_000, 100);
  agent.ack();
  expect(isTold(agent, "a")).toBe(true);
  expect(agent.updates.at(-1)).toMatchObject({ settled: true });
});

test("the copy of another one's records is no more complete than what that one had heard", async () => {
  const cluster = new FakeCluster();
  const { network } = cluster;
  const one = cluster.replica("one");
  const two = cluster.replica("two");
  cluster.replica("three");
  const four = cluster.replica("four");
  cluster.replica("five");
  await cluster.pass(15_000, 100);
  network.partition(["two"], ["one", "three"]);
  network.partition(["four", "five"], ["one", "two", "three"]);
  const agent = new TestAgent(one, "agent-1").watch();
  attach(one, 1);
  const seen = agent.updates.at(-1)?.positions;
  attach(two, 2);
  join(network, "one", "two");
  await cluster.pass(3_000);
  // The third one has heard that it went from the first one, not yet where to: that is what the fourth one has
  // from it, because it hears neither of the others.
  join(network, "three", "four");
  join(network, "three", "five");
  const moved = new TestAgent(four, "agent-1", true, seen).watch();
  for (let i = 0; i < 15; i++) {
    await cluster.pass(1_000);
    moved.ack();
  }
  network.calm();
  await cluster.pass(10_000);
  expect(toldForGood(moved)).toContain("+a:");
});
