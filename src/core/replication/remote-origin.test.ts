import { beforeEach, describe, expect, test } from "vitest";
import {
  aHeartbeat,
  aRecord,
  aRemoval,
  areEqualSets,
  CopyWorld,
  listOf,
} from "../../../test/support/replication.ts";
import { LOG_ENTRIES, OriginLog } from "./origin-log.ts";
import { MAX_PARKED_BATCHES } from "./parked-batches.ts";

let world: CopyWorld;

const many = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => aRecord(`i${from + i}`));
const ids = (entries: readonly { readonly instanceId: string }[]) =>
  entries.map(({ instanceId }) => instanceId).sort();

beforeEach(() => {
  world = new CopyWorld(new OriginLog({ replicaId: "a", epoch: 1 }));
});

/** Loads what the origin has; the changes until then are forgotten. */
function load(): void {
  world.beat();
  world.run(500);
  expect(listOf(world.remote.set)).toEqual(listOf(world.log.set));
  world.changes.length = 0;
}

describe("a copy of an origin", () => {
  test("is nothing before it is complete, and then all at once", () => {
    world = new CopyWorld(world.log, () => 0.5, 1_000);
    world.write(many(40), true);
    world.beat();
    world.nowMs = 200;
    world.take(world.remote.tick(world.nowMs));
    expect(world.remote.set).toBeUndefined();
    expect(world.remote.isSynced).toBe(false);
    expect(world.answer().length).toBeGreaterThan(5);
    expect(world.changes).toHaveLength(1);
    expect(world.changes[0]?.upserts).toHaveLength(40);
    expect(world.remote.isSynced).toBe(true);
  });

  test("follows batches, and drops those that it had", () => {
    load();
    world.log.append(aRecord("a"));
    const [batch] = world.log.flush();
    if (batch === undefined) throw new Error("no batch");
    for (let i = 0; i < 3; i++) world.take(world.remote.batch(batch, 0));
    world.write([aRemoval("a")]);
    expect(world.changes.map(({ upserts, removals }) => [upserts.length, removals.length])).toEqual(
      [
        [1, 0],
        [0, 1],
      ],
    );
    expect(world.changes[1]?.removals[0]?.fence?.reason).toBe("deregistered");
    expect(world.sent).toEqual([]);
  });

  test("waits a little for what was reordered, then pulls what was lost", () => {
    load();
    world.write(many(3), true);
    world.write(many(3, 3));
    expect(world.changes).toEqual([]);
    expect(world.remote.parkedCount).toBe(1);
    expect(world.run(100)).toEqual([]);
    expect(world.run(200)).toEqual(["from-seq 0"]);
    expect(areEqualSets(world.log.set, world.remote.set)).toBe(true);
    expect(world.remote.parkedCount).toBe(0);
  });

  test("asks nobody when what was reordered arrives in time", () => {
    load();
    const batches = many(3).flatMap((entry) => {
      world.log.append(entry);
      return world.log.flush();
    });
    for (const batch of batches.toReversed()) world.take(world.remote.batch(batch, world.nowMs));
    expect(ids(world.changes.flatMap(({ upserts }) => upserts))).toEqual(["i0", "i1", "i2"]);
    expect(world.run(1_000)).toEqual([]);
  });

  test("notices a lost tail at the second heartbeat", () => {
    load();
    world.write(many(1), true);
    world.beat();
    expect(world.run(1_000)).toEqual([]);
    world.beat();
    expect(world.run(1_000)).toEqual(["from-seq 0"]);
    expect(areEqualSets(world.log.set, world.remote.set)).toBe(true);
  });

  test("pulls everything when the log goes back not far enough, with the reasons of what left", () => {
    world.write([aRecord("gone")]);
    load();
    const removal = aRemoval("gone");
    world.write([removal], true);
    for (let i = 0; i <= LOG_ENTRIES / 500; i++) world.write(many(500), true);
    Object.assign(world.log, { fences: () => [removal] });
    world.beat();
    world.beat();
    expect(world.run(1_000)).toEqual(["from-seq 0", "full 0"]);
    expect(areEqualSets(world.log.set, world.remote.set)).toBe(true);
    expect(world.changes.flatMap(({ removals }) => removals)).toEqual([
      { entry: expect.objectContaining({ instanceId: "gone" }), fence: removal.fence },
    ]);
  });

  test("parks no more than its bound, and is right all the same", () => {
    load();
    world.write(many(1), true);
    for (let i = 0; i < MAX_PARKED_BATCHES + 50; i++) world.write(many(1, i));
    expect(world.remote.parkedCount).toBe(MAX_PARKED_BATCHES);
    world.run(500);
    expect(areEqualSets(world.log.set, world.remote.set)).toBe(true);
    expect(world.remote.parkedCount).toBe(0);
  });
});

test("a batch that goes on from where the origin never was is not waited for", () => {
  load();
  world.write(many(2));
  const entries = many(1, 9);
  const stray = {
    type: "delta",
    origin: world.log.origin,
    prevSeq: 99,
    seq: 100,
    entries,
    known: [],
  } as const;
  world.take(world.remote.batch(stray, world.nowMs));
  expect(world.run(10_000)).toEqual(["from-seq 0"]);
  expect(world.remote.parkedCount).toBe(0);
});

describe("a difference that no sequence tells of", () => {
  test("is found by two heartbeats, and mended by the buckets that differ", () => {
    world.write(many(2_000));
    load();
    world.remote.set?.drop("default/orders/i7");
    world.remote.set?.apply(aRecord("i9", { weight: 1 }));
    world.remote.set?.apply(aRecord("never"));
    world.beat();
    expect(world.run(500)).toEqual([]);
    world.beat();
    expect(world.run(500)).toEqual(["vector 0", "buckets 0"]);
    expect(areEqualSets(world.log.set, world.remote.set)).toBe(true);
    expect(ids(world.changes.flatMap(({ upserts }) => upserts))).toEqual(["i7", "i9"]);
    const removals = world.changes.flatMap((change) => change.removals);
    expect(removals.map(({ entry, fence }) => [entry.instanceId, fence])).toEqual([
      ["never", undefined],
    ]);
  });

  test("is found within a minute and a half although no heartbeat arrives", () => {
    world.write(many(10));
    load();
    world.remote.set?.drop("default/orders/i7");
    expect(world.run(90_000)).toContain("buckets 0");
    expect(areEqualSets(world.log.set, world.remote.set)).toBe(true);
  });

  test("is not made by what changes while buckets are pulled", () => {
    world.write(many(500));
    load();
    world.remote.set?.drop("default/orders/i7");
    world.remote.reconnected(world.nowMs);
    world.nowMs += 500;
    world.take(world.remote.tick(world.nowMs));
    const asked: string[] = [];
    for (let i = 0; world.sent.length > 0 && i < 20; i++) {
      const [effect] = world.sent.splice(0, 1);
      if (effect === undefined) break;
      asked.push(effect.request.want.kind);
      const chunk = world.answerTo(effect);
      world.write([aRecord("i7", { generation: i + 2 }), aRemoval(`i${i}`)]);
      world.take(world.remote.pullReply(chunk, world.nowMs));
    }
    expect(asked[0]).toBe("vector");
    world.beat();
    world.beat();
    world.run(1_000);
    expect(areEqualSets(world.log.set, world.remote.set)).toBe(true);
  });
});

describe("a new epoch", () => {
  const restarted = () => new OriginLog({ replicaId: "a", epoch: 2 });

  test("is loaded beside what is served, and what it does not hold becomes an orphan", () => {
    world.write([aRecord("stays"), aRecord("changes"), aRecord("orphan"), aRecord("ended")]);
    load();
    const before = listOf(world.remote.set);
    world.log = restarted();
    const removal = aRemoval("ended");
    Object.assign(world.log, { fences: () => [removal] });
    world.write([aRecord("stays"), aRecord("changes", { generation: 2 }), aRecord("new")]);
    expect(listOf(world.remote.set)).toEqual(before);
    expect(world.remote.origin.epoch).toBe(1);
    expect(world.run(500)).toEqual(["full 0"]);
    const [change] = world.changes;
    expect(world.changes).toHaveLength(1);
    expect(change).toMatchObject({ formerEpoch: 1, origin: { epoch: 2 } });
    expect(ids(change?.upserts ?? [])).toEqual(["changes", "new"]);
    expect(ids(change?.orphans ?? [])).toEqual(["orphan"]);
    expect(change?.removals.map(({ entry }) => entry.instanceId)).toEqual(["ended"]);
  });

  test("ends the former one: what that still says is dropped", () => {
    load();
    const former = world.log;
    world.log = restarted();
    world.beat();
    world.run(500);
    world.changes.length = 0;
    former.append(aRecord("late"));
    for (const batch of former.flush()) world.take(world.remote.batch(batch, world.nowMs));
    world.take(world.remote.heartbeat(aHeartbeat(former), world.nowMs));
    expect([world.changes, world.sent]).toEqual([[], []]);
    expect([world.remote.set?.count, world.remote.parkedCount]).toEqual([0, 0]);
  });

  test("is not half loaded when a still newer one begins meanwhile", () => {
    world.write(many(3));
    load();
    world.log = restarted();
    world.write(many(1));
    world.nowMs += 200;
    world.take(world.remote.tick(world.nowMs));
    const [effect] = world.sent.splice(0);
    if (effect === undefined) throw new Error("nothing was asked");
    const late = world.answerTo(effect);
    world.log = new OriginLog({ replicaId: "a", epoch: 3 });
    world.write(many(2));
    world.take(world.remote.pullReply(late, world.nowMs));
    expect(world.remote.origin.epoch).toBe(1);
    world.run(500);
    expect(world.changes.map(({ origin, formerEpoch }) => [origin.epoch, formerEpoch])).toEqual([
      [3, 1],
    ]);
  });
});
