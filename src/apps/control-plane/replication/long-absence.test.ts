import { expect, test } from "vitest";
import { aLease } from "../../../../test/support/builders.ts";
import { anInput } from "../../../../test/support/control-plane.ts";
import { FakeCluster } from "../../../../test/support/fake-cluster.ts";
import { LOG_ENTRIES } from "../../../core/replication/origin-log.ts";

const HOUR_MS = 3_600_000;

/** Hours in steps of a second take seconds. */
const PATIENCE = { timeout: 60_000 };

type Plane = ReturnType<FakeCluster["replica"]>;

async function four() {
  const cluster = new FakeCluster();
  const ids = ["one", "two", "three", "four"];
  const [one, two, three] = ids.map((id) => cluster.replica(id)) as [Plane, Plane, Plane, Plane];
  await cluster.pass(3_000);
  return { cluster, one, two, three };
}

function idsAt({ replica }: Plane): string[] {
  const records = replica.registry.services.get(aLease("a").service)?.records.values() ?? [];
  return [...records].map(({ id }) => id).sort();
}

test(
  "what ended while a replica was away for hours ends there, when its owner is dead",
  PATIENCE,
  async () => {
    const { cluster, one, two, three } = await four();
    one.replica.register(anInput({ id: "a" }));
    await cluster.pass(100);
    cluster.network.disconnect("two");
    cluster.network.kill("one");
    await three.replica.evict(aLease("a"));
    await cluster.pass(1.2 * HOUR_MS, 1_000);
    expect([idsAt(two), idsAt(three)]).toEqual([["a"], []]);
    cluster.network.connect("two");
    await cluster.pass(180_000, 100);
    expect([idsAt(two), idsAt(three)]).toEqual([[], []]);
  },
);

test(
  "what ended while a replica was away for hours ends there, when its owner restarted",
  PATIENCE,
  async () => {
    const { cluster, one, two, three } = await four();
    one.replica.register(anInput({ id: "a" }));
    await cluster.pass(100);
    cluster.network.disconnect("two");
    await three.replica.evict(aLease("a"));
    cluster.network.kill("one");
    await cluster.pass(1_000);
    // What happened since pushes the end out of the log of whoever told of it.
    const others = three.replica.attach("others", { notice() {}, drain() {}, end() {} });
    for (let i = 0; i <= LOG_ENTRIES; i++)
      others.register(anInput({ service: "other", id: `i${i}` }));
    others.flush();
    const again = cluster.replica("one", "again");
    const session = again.replica.attach("client", { notice() {}, drain() {}, end() {} });
    session.register(anInput({ id: "b" }));
    session.flush();
    const passWithBeats = async (ms: number, stepMs: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += 5_000) {
        session.beat();
        others.beat();
        await cluster.pass(5_000, stepMs);
      }
    };
    await passWithBeats(1.2 * HOUR_MS, 1_000);
    expect([idsAt(again), idsAt(two)]).toEqual([["b"], ["a"]]);
    cluster.network.connect("two");
    await passWithBeats(60_000, 100);
    expect([idsAt(again), idsAt(two)]).toEqual([["b"], ["b"]]);
  },
);
