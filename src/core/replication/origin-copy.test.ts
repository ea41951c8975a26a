import { beforeEach, expect, test } from "vitest";
import { aRecord, aRemoval } from "../../../test/support/replication.ts";
import type { ReplicatedEntry } from "./entry.ts";
import { loaded, OriginCopy } from "./origin-copy.ts";
import { bucketOf, OriginSet } from "./origin-set.ts";

const BUCKETS = new Set(["a", "b", "c", "d"].map((id) => bucketOf(`default/orders/${id}`)));

let copy: OriginCopy;

/** What the origin had when the pull began, at sequence 3. */
const then = [aRecord("a"), aRecord("b"), aRecord("c")];

beforeEach(() => {
  copy = new OriginCopy({ replicaId: "a", epoch: 1 }, new OriginSet(), 0);
  copy.apply(0, then);
  copy.set.drop("default/orders/c");
  copy.startJournal();
  const since: ReplicatedEntry[] = [aRecord("a", { weight: 1 }), aRemoval("b"), aRecord("d")];
  copy.apply(3, since);
});

const weights = () =>
  [...copy.set.entries()]
    .map(({ instanceId, record }) => `${instanceId} ${record.instance.weight}`)
    .sort();

test("what was pulled as of a moment does not undo what came since", () => {
  expect(copy.canReplayFrom(3)).toBe(true);
  const change = copy.replaceBuckets(BUCKETS, 3, then);
  expect(weights()).toEqual(["a 1", "c 100", "d 100"]);
  expect(change?.upserts.map(({ instanceId }) => instanceId)).toEqual(["c"]);
  expect(change?.removals).toEqual([]);
  expect(copy.seq).toBe(6);
});

test("nor does a whole set of that moment", () => {
  const change = copy.replaceAll(loaded(then).set, 3, []);
  expect(weights()).toEqual(["a 1", "c 100", "d 100"]);
  expect(change?.upserts.map(({ instanceId }) => instanceId)).toEqual(["c"]);
  expect(copy.seq).toBe(6);
});

test("a later whole set brings its sequence along", () => {
  const change = copy.replaceAll(loaded([aRecord("x")]).set, 9, []);
  expect(weights()).toEqual(["x 100"]);
  expect(change?.removals).toHaveLength(2);
  expect(copy.seq).toBe(9);
});

test("what changed since is no difference, and only what is remembered can be replayed", () => {
  const touched = [...copy.touchedSince(4)].sort();
  expect(touched).toEqual(["b", "d"].map((id) => bucketOf(`default/orders/${id}`)).sort());
  expect(copy.canReplayFrom(2)).toBe(false);
  copy.stopJournal();
  expect(copy.canReplayFrom(6)).toBe(false);
  copy.startJournal();
  for (let seq = 6; seq <= 10_006; seq++) copy.apply(seq, [aRecord("a", { weight: seq % 100 })]);
  expect(copy.canReplayFrom(6)).toBe(false);
});

test("what it has is not applied again", () => {
  expect(copy.apply(0, then)).toBeUndefined();
  expect(copy.apply(5, [aRecord("d"), aRecord("e")])?.upserts).toHaveLength(1);
  expect(copy.seq).toBe(7);
});
