import { expect, test } from "vitest";
import { aControlPlane, anInput } from "../../../../test/support/control-plane.ts";
import { ReplicaPair } from "../../../../test/support/replica-pair.ts";
import { serverMetrics } from "../metrics.ts";

test("replicas see each other: who, how far, and whether they hold the same", async () => {
  const pair = new ReplicaPair();
  const one = pair.start("one");
  const two = pair.start("two");
  one.replica.register(anInput({ id: "a" }));
  one.replica.publish();
  await pair.pass(5_000);
  const seen = two.admin.cluster();
  expect(seen).toMatchObject({ name: "test", isSynced: true, identity: "sole", garbageCount: 0 });
  const [self, other] = seen?.members ?? [];
  expect(self).toMatchObject({ id: "two", isSelf: true, lag: 0, ownedCount: 0 });
  expect(other).toMatchObject({
    ...{ id: "one", isSelf: false, state: "alive", address: "one:7400", softwareVersion: "test" },
    ...{ lag: 0, agreement: "agrees", ownedCount: 1, quarantinedCount: 0 },
    progress: { mismatchCount: 0, isPulling: false },
  });
  expect(other?.seq).toBe(1);
  expect(other?.silentMs).toBeLessThan(1_100);
  expect(one.admin.cluster()?.members[0]).toMatchObject({ id: "one", ownedCount: 1, seq: 1 });
});

test("who is silent is suspected, and whoever lost the bus is isolated", async () => {
  const pair = new ReplicaPair();
  const one = pair.start("one");
  const two = pair.start("two");
  const three = pair.start("three");
  await pair.pass(3_000);
  pair.network.partition(["three"], ["one", "two"]);
  await pair.pass(8_000);
  const states = one.admin.cluster()?.members.map(({ id, state }) => `${id} ${state}`);
  expect(states).toEqual(["one alive", "three suspect", "two alive"]);
  expect(three.admin.cluster()?.members[0]?.flags.isIsolated).toBe(true);
  expect(two.admin.cluster()?.members[0]?.flags.isIsolated).toBe(false);
});

test("who leads is told as it is known here", async () => {
  const pair = new ReplicaPair();
  const leadership = { leader: "one", term: () => 7, close: async () => undefined };
  const led = aControlPlane(pair.clock, {
    replicaId: "one",
    cluster: { ...pair.join("one"), leadership },
  });
  const other = pair.start("two");
  expect(led.admin.cluster()?.leader).toBe("one");
  expect(other.admin.cluster()?.leader).toBe("");
  expect(serverMetrics(led)).toContain("weir_cluster_leader 1");
  expect(serverMetrics(other)).toContain("weir_cluster_leader 0");
});

test("a server without a cluster has none to show", () => {
  expect(aControlPlane(new ReplicaPair().clock).admin.cluster()).toBeUndefined();
});
