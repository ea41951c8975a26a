import { expect, test } from "vitest";
import { aLease } from "../../../../test/support/builders.ts";
import { anInput } from "../../../../test/support/control-plane.ts";
import { FakeCluster } from "../../../../test/support/fake-cluster.ts";
import { adopt } from "../../../core/registry/adoption.ts";
import type { LeaseKey } from "../../../core/registry/registry.ts";
import type { ControlPlane } from "../start.ts";

/** A client whose session stays at `one`, which the others do not hear. */
async function cutOff() {
  const cluster = new FakeCluster();
  const [one, two, three] = [
    cluster.replica("one"),
    cluster.replica("two"),
    cluster.replica("three"),
  ];
  await cluster.pass(3_000);
  const notices: string[] = [];
  const session = one.replica.attach("client", {
    notice: (_, kind) => void notices.push(kind),
    drain() {},
    end() {},
  });
  session.register(anInput({ id: "a", generation: 1 }));
  session.flush();
  await cluster.pass(50);
  cluster.network.partition(["one"], ["two", "three"]);
  const heal = async () => {
    cluster.network.calm();
    await cluster.pass(5_000);
  };
  return { cluster, one, two, three, session, notices, heal };
}

function views(...planes: readonly ControlPlane[]): Set<string> {
  return new Set(
    planes.map(({ replica }) => {
      const record = replica.registry.find(aLease("a"));
      if (record === undefined) return "gone";
      const owner = record.isOwn ? replica.replicaId : record.group.ownerId;
      return `${record.instance.generation}+${record.adoption}@${owner}`;
    }),
  );
}

function recordAt({ replica }: ControlPlane) {
  const record = replica.registry.find(aLease("a"));
  if (record === undefined) throw new Error("there is no instance a");
  return record;
}

test("a live client whose registration was adopted attaches again, and its owner has it back", async () => {
  const { cluster, one, two, three, session, notices, heal } = await cutOff();
  const { registry } = two.replica;
  adopt(registry, recordAt(two), registry.unowned.group, cluster.clock.nowMs());
  two.replica.publish();
  await heal();
  expect(notices).toEqual(["reattach"]);
  expect(views(one, two, three)).toEqual(new Set(["1+1@two"]));
  session.register(anInput({ id: "a", generation: 2 }));
  session.flush();
  await cluster.pass(1_000);
  expect(views(one, two, three)).toEqual(new Set(["2+1@one"]));
  await cluster.pass(5_000);
  expect(notices).toEqual(["reattach"]);
});

test("a live client whose registration expired elsewhere attaches again", async () => {
  const { cluster, one, two, three, session, notices, heal } = await cutOff();
  const { registry } = two.replica;
  registry.remove(recordAt(two), "expired", cluster.clock.nowMs(), cluster.clock.wallMs());
  two.replica.publish();
  await heal();
  expect(notices).toEqual(["reattach"]);
  expect(views(one, two, three)).toEqual(new Set(["gone"]));
  session.register(anInput({ id: "a", generation: 2 }));
  session.flush();
  await cluster.pass(1_000);
  expect(views(one, two, three)).toEqual(new Set(["2+0@one"]));
});

test("a client that went elsewhere by itself is not asked to attach again", async () => {
  const { cluster, one, two, three, notices, heal } = await cutOff();
  two.replica.register(anInput({ id: "a", generation: 2 }));
  await cluster.pass(100);
  await heal();
  expect(notices).toEqual([]);
  expect(views(one, two, three)).toEqual(new Set(["2+0@two"]));
});

test("what the dead said last is told by who heard it", async () => {
  const { cluster, one, two, three, notices, heal } = await cutOff();
  await three.replica.deregister(aLease("a"));
  await cluster.pass(100);
  cluster.network.disconnect("three");
  expect([views(one), views(two)]).toEqual([new Set(["1+0@one"]), new Set(["gone"])]);
  await heal();
  expect(views(one, two)).toEqual(new Set(["gone"]));
  expect(notices).toEqual([]);
});

test("what a replica ended just before it lost everything is not kept by who missed it", async () => {
  const { cluster, one, two, three } = await cutOff();
  cluster.network.calm();
  await cluster.pass(2_000);
  cluster.network.cut(["one"], ["three"]);
  await one.replica.deregister(aLease("a"));
  await cluster.pass(100);
  expect([views(two), views(three)]).toEqual([new Set(["gone"]), new Set(["1+0@one"])]);
  cluster.network.calm();
  const again = cluster.replica("one");
  await cluster.pass(10_000);
  expect(views(again, two, three)).toEqual(new Set(["gone"]));
});

test("what a new life remembers of an earlier attachment only belongs to nobody", async () => {
  const cluster = new FakeCluster();
  const one = cluster.replica("one");
  const two = cluster.replica("two");
  await cluster.pass(3_000);
  const port = { name: "http", port: 8081, protocol: "http1" } as const;
  const a = { id: "a", address: { kind: "ip", value: "10.0.0.1" }, ports: [port] } as const;
  const register = (at: ControlPlane, generation: number) =>
    at.replica.register(anInput({ ...a, generation }));
  register(one, 2);
  one.replica.register(anInput({ id: "b", address: { kind: "ip", value: "10.0.0.2" } }));
  const { registry } = one.replica;
  registry.remove(recordAt(one), "expired", cluster.clock.nowMs(), cluster.clock.wallMs());
  register(one, 3);
  await cluster.pass(1_000);
  expect(views(two)).toEqual(new Set(["3+0@one"]));
  cluster.network.kill("one");
  // As from an old disk: it does not know that this attachment ended, nor of the next one.
  const again = cluster.replica("one", "again");
  register(again, 2);
  cluster.refused.add("10.0.0.1:8081");
  await cluster.pass(150_000, 100);
  expect(views(again, two)).toEqual(new Set(["gone"]));
});

type Goodbye = (to: ControlPlane, lease: LeaseKey) => Promise<unknown>;

const GOODBYES: readonly [string, Goodbye][] = [
  ["in a session", ({ replica }, lease) => replica.deregisterAll([lease])],
  ["in a call", ({ replica }, lease) => replica.deregister(lease).catch((error) => error.reason)],
];

test.each(GOODBYES)(
  "who is told goodbye %s of a registration that it never heard of ends it everywhere",
  async (_, goodbye) => {
    const cluster = new FakeCluster();
    const [one, two] = [cluster.replica("one"), cluster.replica("two")];
    await cluster.pass(3_000);
    // One id is free there, and the other one's former process holds it.
    two.replica.register(anInput({ id: "b", registrationId: "rb1" as never }));
    await cluster.pass(100);
    cluster.network.partition(["one"], ["two"]);
    one.replica.register(anInput({ id: "a", registrationId: "ra" as never }));
    one.replica.register(anInput({ id: "b", registrationId: "rb2" as never }));
    await goodbye(two, { ...aLease("a"), registrationId: "ra" as never });
    await goodbye(two, { ...aLease("b"), registrationId: "rb2" as never });
    cluster.network.calm();
    await cluster.pass(5_000);
    expect(views(one, two)).toEqual(new Set(["gone"]));
    for (const { replica } of [one, two]) {
      expect(replica.registry.find(aLease("b"))?.instance.registrationId).not.toBe("rb2");
    }
  },
);
