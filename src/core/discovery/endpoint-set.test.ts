import { describe, expect, test } from "vitest";
import {
  A,
  A_DRAINING,
  B,
  BASE,
  C,
  delta,
  EPOCH,
  endpoint,
  ids,
  removal,
  setWith,
  snapshot,
} from "../../../test/support/endpoint-updates.ts";

describe("what is settled is obeyed", () => {
  test.each([
    { name: "a snapshot replaces", update: snapshot([B, C], { version: 2 }), left: ["b", "c"] },
    {
      name: "a delta removes and adds",
      update: delta(1, [B, C], { upserts: [C], removals: [removal("a")] }),
      left: ["b", "c"],
    },
    {
      name: "absent empties at once",
      update: { ...BASE, kind: "absent" as const, version: 2 },
      left: [],
    },
    {
      name: "pending keeps",
      update: { ...BASE, kind: "pending" as const, version: 0 },
      left: ["a", "b"],
    },
    {
      name: "resumed keeps",
      update: { ...BASE, kind: "resumed" as const, version: 9 },
      left: ["a", "b"],
    },
  ])("$name", ({ update, left }) => {
    const set = setWith(A, B);
    const result = set.apply(update, EPOCH);
    expect(ids(set)).toEqual(left);
    expect(result.held).toBe(false);
    expect(result.digestMismatch).toBe(false);
  });
});

describe("what is not settled is merged", () => {
  test.each([
    {
      name: "absence from a snapshot removes nothing",
      update: snapshot([C], { version: 2, settled: false }),
      left: ["a", "b", "c"],
      held: true,
    },
    {
      name: "absent removes nothing",
      update: { ...BASE, kind: "absent" as const, version: 2, settled: false },
      left: ["a", "b"],
      held: true,
    },
    {
      name: "a removal with a cause counts",
      update: delta(1, [B], { removals: [removal("a", "expired")], settled: false }),
      left: ["b"],
      held: false,
    },
    {
      name: "an update counts",
      update: snapshot([A_DRAINING, B], { version: 2, settled: false }),
      left: ["a:draining", "b"],
      held: false,
    },
  ])("$name", ({ update, left, held }) => {
    const set = setWith(A, B);
    const result = set.apply(update, EPOCH);
    expect(ids(set)).toEqual(left);
    expect(result.held).toBe(held);
  });

  test.each([
    { settles: { ...BASE, kind: "resumed" as const, version: 2 }, by: "resumed" },
    { settles: snapshot([C], { version: 3 }), by: "a snapshot" },
    { settles: delta(2, [C], {}), by: "a delta" },
  ])("what was held goes when $by is settled", ({ settles }) => {
    const set = setWith(A, B);
    set.apply(snapshot([C], { version: 2, settled: false }), EPOCH);
    expect(set.heldCount).toBe(2);
    const result = set.apply(settles, EPOCH);
    expect(ids(set)).toEqual(["c"]);
    expect(result).toMatchObject({
      held: false,
      urgent: true,
      changed: true,
      digestMismatch: false,
    });
  });

  test("a held endpoint that is listed again is no longer held", () => {
    const set = setWith(A);
    set.apply({ ...BASE, kind: "absent", version: 2, settled: false }, EPOCH);
    expect(set.heldCount).toBe(1);
    const result = set.apply(delta(2, [A], { upserts: [A], settled: false }), EPOCH);
    expect(result).toMatchObject({ held: false, changed: false, digestMismatch: false });
  });
});

describe("no way back in time", () => {
  test.each([
    { sent: endpoint("a", { revision: 0 }), left: ["a:draining"], because: "an older revision" },
    { sent: endpoint("a", { revision: 1 }), left: ["a:draining"], because: "the same revision" },
    { sent: endpoint("a", { revision: 2 }), left: ["a"], because: "an undrain has a higher one" },
    {
      sent: endpoint("a", { process: "a-2" }),
      left: ["a"],
      because: "another process was never drained",
    },
  ])("after a drain, $because: $left", ({ sent, left }) => {
    const set = setWith(A_DRAINING);
    const result = set.apply(snapshot([sent], { version: 2 }), EPOCH);
    expect(ids(set)).toEqual(left);
    expect(result.digestMismatch).toBe(false);
  });

  test.each([
    { reason: "deregistered" as const, left: [] },
    { reason: "evicted" as const, left: [] },
    { reason: "superseded" as const, left: [] },
    { reason: "expired" as const, left: ["a"] },
  ])("a process that was $reason and listed again: $left", ({ reason, left }) => {
    const set = setWith(A);
    set.apply(delta(1, [], { removals: [removal("a", reason)] }), EPOCH);
    set.apply(snapshot([A], { version: 1, settled: false }), EPOCH + 1);
    expect(ids(set)).toEqual(left);
  });

  test("a replica that lags does not bring back the process that was replaced", () => {
    const a2 = endpoint("a", { process: "a-2" });
    const set = setWith(A);
    set.apply(delta(1, [], { removals: [removal("a", "superseded")] }), EPOCH);
    set.apply(delta(2, [a2], { upserts: [a2] }), EPOCH);
    set.apply(snapshot([A], { settled: false }), EPOCH + 1);
    expect(set.endpoints()).toEqual([a2]);
  });

  test("nor does it bring back the predecessor of one that came and left in one update", () => {
    const set = setWith(A, B);
    set.apply(delta(1, [B], { removals: [removal("a", "deregistered", "a-2")] }), EPOCH);
    expect(ids(set)).toEqual(["b"]);
    set.apply(snapshot([A, B], { version: 2, settled: false }), EPOCH);
    expect(ids(set)).toEqual(["b"]);
  });

  describe("an id that two processes held", () => {
    const older = endpoint("a", { process: "a-1", since: 1 });
    const newer = endpoint("a", { process: "a-2", since: 2 });
    const behind = { version: 5, settled: false };

    test("stays with the newer one when a replica that lags lists the older, until it has settled", () => {
      const set = setWith(newer, B);
      const result = set.apply(snapshot([older, B], behind), EPOCH + 1);
      expect(set.endpoints()).toEqual([newer, B]);
      expect(result).toMatchObject({ changed: false, held: true, digestMismatch: false });
      set.apply({ ...snapshot([older, B]), kind: "resumed", version: 6 }, EPOCH + 1);
      expect(set.endpoints()).toEqual([older, B]);
      expect(set.heldCount).toBe(0);
    });

    test("is held no more once that replica has heard of the newer one", () => {
      const set = setWith(newer);
      set.apply(snapshot([older], behind), EPOCH + 1);
      const more = { upserts: [newer], settled: false };
      expect(set.apply(delta(5, [newer], more), EPOCH + 1).held).toBe(false);
      expect(set.endpoints()).toEqual([newer]);
    });

    test.each([
      { name: "the older one leaves there", removed: "a-1", left: [newer] },
      { name: "the newer one leaves there", removed: "a-2", left: [] },
    ])("$name", ({ removed, left }) => {
      const set = setWith(newer);
      set.apply(snapshot([older], behind), EPOCH + 1);
      const removals = [removal("a", "deregistered", removed)];
      const result = set.apply(delta(5, [], { removals, settled: false }), EPOCH + 1);
      expect(set.endpoints()).toEqual(left);
      expect(result).toMatchObject({ held: left.length > 0, digestMismatch: false });
    });

    test("goes to the newer one at once, also when a replica that is not settled says so", () => {
      const set = setWith(older);
      set.apply(snapshot([newer], behind), EPOCH + 1);
      expect(set.endpoints()).toEqual([newer]);
      // From then on not even a settled replica brings the older one back.
      set.apply(snapshot([older], { version: 6 }), EPOCH + 1);
      expect(set.endpoints()).toEqual([newer]);
    });

    test("remembers the drain of the older one, which a replica that lags tells of", () => {
      const set = setWith(newer);
      const drained = endpoint("a", { process: "a-1", since: 1, state: "draining", revision: 3 });
      set.apply(snapshot([drained], behind), EPOCH + 1);
      set.apply(snapshot([older], { version: 6 }), EPOCH + 2);
      expect(ids(set)).toEqual(["a:draining"]);
    });

    test("remembers that the drain of the older one was taken back", () => {
      const set = setWith(newer);
      const drained = endpoint("a", { process: "a-1", since: 1, state: "draining", revision: 1 });
      const undrained = endpoint("a", { process: "a-1", since: 1, revision: 2 });
      set.apply(snapshot([drained], behind), EPOCH + 1);
      set.apply(delta(5, [undrained], { upserts: [undrained], settled: false }), EPOCH + 1);
      // A server that lost its disk counts decisions from 0 again.
      set.apply(snapshot([older], { version: 6 }), EPOCH + 2);
      expect(ids(set)).toEqual(["a"]);
    });

    test("is told apart by nothing when servers do not say who is newer", () => {
      const set = setWith(endpoint("a", { process: "a-2" }));
      set.apply(snapshot([older], behind), EPOCH + 1);
      expect(set.endpoints()).toEqual([older]);
    });
  });

  test("a process whose end was seen is brought back by no replica that knows an older decision about it", () => {
    const set = setWith(endpoint("a", { revision: 2 }));
    // Of a replica that lost its disk, and counts decisions from 0 again.
    set.apply(snapshot([endpoint("a", { port: 81 })], { version: 4 }), EPOCH + 1);
    expect(set.endpoints()).toMatchObject([{ operatorRevision: 2, ports: [{ port: 81 }] }]);
    set.apply(delta(4, [], { removals: [removal("a", "evicted")] }), EPOCH + 1);
    set.apply(snapshot([endpoint("a", { revision: 2 })], { version: 6 }), EPOCH + 2);
    expect(ids(set)).toEqual([]);
  });

  test("an upsert wins over a removal of the same id in one update", () => {
    const a2 = endpoint("a", { process: "a-2" });
    const set = setWith(A);
    const removals = [removal("a", "superseded", "a-1")];
    set.apply(delta(1, [a2], { upserts: [a2], removals }), EPOCH);
    expect(set.endpoints()).toEqual([a2]);
    set.apply(delta(2, [A], { upserts: [A] }), EPOCH);
    expect(set.endpoints()).toEqual([a2]);
  });

  test("an expiry that was repaired within one update leaves the process selectable", () => {
    const set = setWith(A);
    set.apply(delta(1, [A], { upserts: [A], removals: [removal("a", "deregistered")] }), EPOCH);
    set.apply(snapshot([A], { version: 3 }), EPOCH);
    expect(ids(set)).toEqual(["a"]);
  });
});
