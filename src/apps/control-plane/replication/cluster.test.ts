import { expect, test } from "vitest";
import { aLease } from "../../../../test/support/builders.ts";
import { anInput, TestAgent } from "../../../../test/support/control-plane.ts";
import { FakeCluster } from "../../../../test/support/fake-cluster.ts";
import type { ControlPlane } from "../start.ts";

function two() {
  const cluster = new FakeCluster();
  const pass = (ms: number) => cluster.pass(ms);
  const { network } = cluster;
  return { cluster, network, pass, one: cluster.replica("one"), other: cluster.replica("two") };
}

const DOOR = { kind: "ip", value: "10.0.0.1" } as const;

function statesAt(plane: ControlPlane): string[] {
  return plane.replica
    .resolve("default", "orders")
    .endpoints()
    .map(({ id, state }) => `${id}:${state}`)
    .sort();
}

test("an agent of one replica hears what registers at the other, changes there, and leaves", async () => {
  const { pass, one, other } = two();
  await pass(3_000);
  const agent = new TestAgent(other, "agent-1").watch();
  const { instance } = one.replica.register(anInput({ id: "a" }));
  await pass(50);
  agent.ack();
  one.replica.setHealth(
    {
      service: "default/orders" as never,
      instanceId: "a" as never,
      registrationId: instance.registrationId,
    },
    "unhealthy",
  );
  one.replica.publish();
  await pass(50);
  agent.ack();
  await one.replica.deregister({
    service: "default/orders" as never,
    instanceId: "a" as never,
    registrationId: instance.registrationId,
  });
  await pass(50);
  const changes = agent.told.flatMap((line) => line.match(/[+-]a:\w+/g) ?? []);
  expect(changes).toEqual(["+a:healthy", "+a:unhealthy", "-a:deregistered"]);
});

test("a client that moves to the other replica changes nothing for agents, and its old lease ends nothing", async () => {
  const { pass, one, other } = two();
  await pass(3_000);
  const agent = new TestAgent(one, "agent-1").watch();
  one.replica.register(anInput({ id: "a", generation: 1 }));
  await pass(50);
  agent.ack();
  const before = agent.told.length;
  const session = other.replica.attach("client", { notice() {}, drain() {}, end() {} });
  session.register(anInput({ id: "a", generation: 2 }));
  session.flush();
  for (let i = 0; i < 30; i++) {
    await pass(1_000);
    session.beat();
  }
  expect(agent.told.slice(before).filter((line) => line.includes(" -a"))).toEqual([]);
  expect(one.admin.status().instanceCount).toBe(1);
});

test("a replica that joins does not settle before it holds what the other owns", async () => {
  const { network, pass, one, other } = two();
  network.outage();
  one.replica.register(anInput({ id: "a" }));
  await pass(1_000);
  network.restore();
  await pass(5_000);
  expect(other.isSettled()).toBe(true);
  expect(other.admin.status().instanceCount).toBe(1);
});

test("clients are told of the replicas that live, and not of one that goes", async () => {
  const { pass, one, other } = two();
  await pass(2_000);
  const idsToldBy = (plane: typeof one) => plane.watches.peers().map(({ replicaId }) => replicaId);
  expect(idsToldBy(one)).toEqual(["one", "two"]);
  const stopped = other.stop();
  await pass(1_500);
  await stopped;
  expect(idsToldBy(one)).toEqual(["one"]);
});

test("an answer says how far its replica has heard both, and another one waits for as much", async () => {
  const { network, pass, one, other } = two();
  await pass(3_000);
  const first = new TestAgent(one, "agent-1").watch();
  one.replica.register(anInput({ id: "a" }));
  first.ack();
  await pass(50);
  const seen = first.updates.at(-1)?.positions ?? [];
  expect(seen.map(({ replicaId }) => replicaId).sort()).toEqual(["one", "two"]);
  network.outage();
  one.replica.register(anInput({ id: "b" }));
  await pass(20);
  first.ack();
  const ahead = first.updates.at(-1)?.positions ?? [];
  network.restore();
  const moved = new TestAgent(other, "agent-1", true, ahead).watch();
  expect(moved.told).toEqual([]);
  await pass(2_000);
  expect(moved.told.join()).toContain("+b:healthy");
});

test("an agent that saw what nobody can tell any more is answered all the same", async () => {
  const { pass, other } = two();
  await pass(3_000);
  const moved = new TestAgent(other, "agent-1", true, [
    { replicaId: "one", epoch: 1e15, sequence: 7 },
  ]).watch();
  expect(moved.told).toEqual([]);
  await pass(2_500);
  expect(moved.told).toHaveLength(1);
});

test("of two processes with one id, the older one stops", async () => {
  const { cluster, pass, one } = two();
  await pass(2_000);
  const twin = cluster.replica("one", "twin");
  await pass(3_000);
  expect(cluster.fenced).toHaveLength(1);
  expect(cluster.fenced[0]).toContain("--replica-id");
  expect(() => new TestAgent(one, "agent-1")).toThrow("shutting down");
  expect(() => new TestAgent(twin, "agent-1")).not.toThrow();
});

test("a replica that comes after another one died learns what it owned from those who hold a copy", async () => {
  const { cluster, network, pass, one, other } = two();
  cluster.replica("three");
  await pass(3_000);
  one.replica.register(anInput({ id: "a" }));
  await pass(100);
  network.kill("one");
  await pass(20_000);
  expect(other.admin.cluster()?.members.find(({ id }) => id === "one")?.state).toBe("dead");
  const late = cluster.replica("four");
  await pass(3_000);
  expect(late.isSettled()).toBe(true);
  expect(late.admin.status().instanceCount).toBe(1);
});

test("of what a dead replica owned, one of the others keeps what answers and ends what does not, for all", async () => {
  const { cluster, network, pass, one, other } = two();
  const third = cluster.replica("three");
  await pass(3_000);
  for (const [id, port] of [
    ["a", 8081],
    ["b", 8082],
    ["c", 8083],
  ] as const) {
    one.replica.register(
      anInput({ id, address: DOOR, ports: [{ name: "http", port, protocol: "http1" }] }),
    );
  }
  cluster.refused.add("10.0.0.1:8082");
  await pass(100);
  network.kill("one");
  await pass(40_000);
  expect(statesAt(other)).toEqual(["a:healthy", "b:healthy", "c:healthy"]);
  await pass(40_000);
  expect(statesAt(other)).toEqual(["a:suspect", "c:suspect"]);
  expect(statesAt(third)).toEqual(statesAt(other));
  // A client that comes later takes its registration along.
  other.replica.register(anInput({ id: "a", address: DOOR, generation: 2 }));
  await pass(100);
  expect(statesAt(third)).toEqual(["a:healthy", "c:suspect"]);
});

test("a replica whose clock was set back takes an epoch that peers listen to", async () => {
  const { cluster, network, pass, one, other } = two();
  await pass(3_000);
  one.replica.register(anInput({ id: "a" }));
  await pass(3_000);
  network.kill("one");
  cluster.clock.wallStepMs -= 3_600_000;
  await pass(2_000);
  const again = cluster.replica("one", "elsewhere");
  again.replica.register(anInput({ id: "b" }));
  await pass(2_000);
  expect(other.admin.status().instanceCount).toBe(1);
  await pass(6_000);
  expect(other.admin.status().instanceCount).toBe(2);
  expect(cluster.fenced).toEqual([]);
});

test("who does not hear another one has what it says from a third one", async () => {
  const { cluster, network, pass, one, other } = two();
  const third = cluster.replica("three");
  await pass(3_000);
  network.partition(["one"], ["three"]);
  one.replica.register(anInput({ id: "a", registrationId: "ra" as never }));
  await cluster.pass(10_000, 100);
  expect(other.admin.status().instanceCount).toBe(1);
  expect(third.admin.status().instanceCount).toBe(1);
  await one.replica.deregister(aLease("a"));
  await cluster.pass(10_000, 100);
  expect(third.admin.status().instanceCount).toBe(0);
});

test("what registers after all wall clocks were set back is heard at once", async () => {
  const { cluster, pass, one, other } = two();
  await pass(3_000);
  one.replica.register(anInput({ id: "a" }));
  await pass(1_000);
  cluster.clock.wallStepMs -= 1_500_000;
  await pass(3_000);
  one.replica.register(anInput({ id: "b" }));
  await pass(1_000);
  expect(other.admin.status().instanceCount).toBe(2);
});

test("a life of which nothing but its beginning was heard counts, too", async () => {
  const { cluster, network, pass, one, other } = two();
  await pass(3_000);
  one.replica.register(anInput({ id: "a" }));
  await pass(3_000);
  network.kill("one");
  cluster.clock.wallStepMs += 20_000;
  cluster.replica("one", "for a moment");
  await pass(60);
  network.kill("for a moment");
  cluster.clock.wallStepMs -= 20_000;
  await pass(1_000);
  cluster.replica("one", "again").replica.register(anInput({ id: "b" }));
  await pass(8_000);
  expect(other.admin.status().instanceCount).toBe(2);
});

/** A client or an agent, and how often it was asked to go elsewhere. */
function visitor(plane: ControlPlane): () => number {
  let asked = 0;
  plane.replica.attach("client", { notice() {}, drain: () => void asked++, end() {} });
  return () => asked;
}

test("who is cut off from the others sends everybody to them, and a hiccup sends nobody", async () => {
  const { cluster, network, pass, one } = two();
  cluster.replica("three");
  await pass(15_000);
  const asked = visitor(one);
  network.partition(["one"], ["two", "three"]);
  await cluster.pass(10_000, 100);
  network.calm();
  await cluster.pass(20_000, 100);
  expect(asked()).toBe(0);
  network.partition(["one"], ["two", "three"]);
  await cluster.pass(25_000, 100);
  expect(asked()).toBe(1);
});

test("what an agent saw across a split is never taken from it by who has not heard of it", async () => {
  const { cluster, network, one, other } = two();
  cluster.replica("three");
  await cluster.pass(15_000, 100);
  network.partition(["one"], ["two", "three"]);
  other.replica.register(anInput({ id: "a" }));
  const there = new TestAgent(other, "agent-1").watch();
  await cluster.pass(1_000, 100);
  const { positions } = there.updates.at(-1) ?? {};
  // Once who was here at the split was sent away.
  await cluster.pass(40_000, 1_000);
  const here = new TestAgent(one, "agent-1", true, positions ?? []).watch();
  for (let i = 0; i < 4; i++) {
    await cluster.pass(20_000, 1_000);
    here.ack();
  }
  expect(here.updates.map(({ kind, settled }) => [kind, settled])).toEqual([["pending", false]]);
  network.calm();
  await cluster.pass(20_000, 1_000);
  here.ack();
  await cluster.pass(20_000, 1_000);
  expect(here.updates.at(-1)).toMatchObject({ settled: true });
  expect(here.told.join(" ")).toContain("+a:");
});
