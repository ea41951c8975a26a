import { describe, expect, test } from "vitest";
import {
  A,
  A_DRAINING,
  B,
  BASE,
  C,
  delta,
  digestOf,
  EPOCH,
  endpoint,
  ids,
  removal,
  setWith,
  snapshot,
} from "../../../test/support/endpoint-updates.ts";
import { EndpointSet } from "./endpoint-set.ts";

describe("an endpoint that cannot be used", () => {
  const bad = endpoint("a", { port: 0 });

  test("keeps its former content, and digest and version go on", () => {
    const set = setWith(A, B);
    const result = set.apply(delta(1, [bad, B], { upserts: [bad] }), EPOCH);
    expect(result.rejected).toEqual([{ id: "a", reason: "it has no port from 1 to 65535" }]);
    expect(result.digestMismatch).toBe(false);
    expect(ids(set)).toEqual(["a", "b"]);
    expect(set.resumeToken()).toEqual({ epoch: EPOCH, version: 2, digest: digestOf([bad, B]) });
  });

  test("is not routed to when there was no former content, and can leave", () => {
    const set = setWith(B);
    set.apply(delta(1, [bad, B], { upserts: [bad] }), EPOCH);
    expect(ids(set)).toEqual(["b"]);
    const result = set.apply(delta(2, [B], { removals: [removal("a")] }), EPOCH);
    expect(result.digestMismatch).toBe(false);
    expect(set.resumeToken()?.digest).toEqual(digestOf([B]));
  });

  test("still drains, and is reported", () => {
    const set = setWith(A);
    const worse = endpoint("a", { port: 0, state: "draining", revision: 1 });
    const result = set.apply(delta(1, [worse], { upserts: [worse] }), EPOCH);
    expect(ids(set)).toEqual(["a:draining"]);
    expect(result.urgent).toBe(true);
    // A server that has not heard of the drain brings nobody back.
    set.apply(delta(2, [A], { upserts: [A] }), EPOCH);
    expect(ids(set)).toEqual(["a:draining"]);
    expect(result.draining.map(({ id }) => id)).toEqual(["a"]);
  });
});

describe("snapshots in chunks", () => {
  const first = snapshot([A], { version: 5, isLastChunk: false });
  const second = snapshot([B], { version: 5, chunk: 1, digest: digestOf([A, B]) });

  test("count only with the last chunk", () => {
    const set = setWith(C);
    expect(set.apply(first, EPOCH).outcome).toBe("collected");
    expect(ids(set)).toEqual(["c"]);
    expect(set.version).toBe(1);
    expect(set.apply(second, EPOCH)).toMatchObject({ outcome: "applied", digestMismatch: false });
    expect(ids(set)).toEqual(["a", "b"]);
  });

  test.each([
    { name: "a chunk is missing", updates: [first, { ...second, chunk: 2 }] },
    { name: "the beginning is missing", updates: [second] },
    { name: "two versions mix", updates: [first, { ...second, version: 6 }] },
  ])("$name: out of step, and nothing changes", ({ updates }) => {
    const set = setWith(C);
    const outcomes = updates.map((update) => set.apply(update, EPOCH).outcome);
    expect(outcomes.at(-1)).toBe("out-of-step");
    expect(ids(set)).toEqual(["c"]);
  });
});

describe("position", () => {
  test.each([
    { name: "another version", from: 4, epoch: EPOCH },
    { name: "another epoch", from: 1, epoch: EPOCH + 1 },
  ])("a delta to $name is out of step", ({ from, epoch }) => {
    const set = setWith(A);
    const result = set.apply(delta(from, [A, B], { upserts: [B] }), epoch);
    expect(result).toMatchObject({ outcome: "out-of-step", changed: false });
    expect(ids(set)).toEqual(["a"]);
    expect(set.resumeToken()).toMatchObject({ epoch: EPOCH, version: 1 });
  });

  test("resumed moves it to the server's version and epoch", () => {
    const set = setWith(A);
    set.apply({ ...BASE, kind: "resumed", version: 40 }, EPOCH + 1);
    expect(set.resumeToken()).toMatchObject({ epoch: EPOCH + 1, version: 40 });
    expect(set.apply(delta(40, [A, B], { upserts: [B] }), EPOCH + 1).outcome).toBe("applied");
  });

  test("resumed names the draining endpoints again: another server waits for a word on them", () => {
    const set = setWith(A_DRAINING, B);
    const result = set.apply({ ...BASE, kind: "resumed", version: 2 }, EPOCH);
    expect(result.draining).toEqual([A_DRAINING]);
  });
});

test("a removal empties the id, also when the process that held it last was never heard of", () => {
  const set = setWith(A, B);
  const result = set.apply(
    delta(1, [B], { removals: [removal("a", "deregistered", "a-2")] }),
    EPOCH,
  );
  expect(result).toMatchObject({ changed: true, urgent: true });
  expect(ids(set)).toEqual(["b"]);
  expect(set.resumeToken()?.digest).toEqual(digestOf([B]));
});

test("a removal of another process leaves an endpoint alone that this server does not list", () => {
  const set = setWith(A, B);
  set.apply(snapshot([B], { version: 5, settled: false }), EPOCH + 1);
  const removals = [removal("a", "deregistered", "a-0")];
  set.apply({ ...delta(5, [B], { removals }), settled: false }, EPOCH + 1);
  expect(ids(set)).toEqual(["a", "b"]);
});

test.each([
  { name: "settled", settled: true, left: [] },
  { name: "unsettled", settled: false, left: ["a"] },
])(
  "a $name server that is behind ends the process that it lists, not the newer one",
  ({ settled, left }) => {
    const former = endpoint("a", { since: 1 });
    const newer = endpoint("a", { process: "a-2", since: 2, weight: 1 });
    const set = setWith(former);
    set.apply(delta(1, [newer], { upserts: [newer] }), EPOCH);
    const behind = EPOCH + 1;
    set.apply({ ...snapshot([former], { version: 5 }), settled }, behind);
    expect(set.endpoints()).toEqual([newer]);
    set.apply({ ...delta(5, [], { removals: [removal("a")] }), settled }, behind);
    expect(ids(set)).toEqual(left);
    // It hears of the newer one, too.
    set.apply({ ...delta(6, [newer], { upserts: [newer] }), settled }, behind);
    expect(set.endpoints()).toEqual([newer]);
  },
);

test("a snapshot in chunks that is asked for after mismatches is no mismatch at its first chunk", () => {
  const set = setWith(A);
  const wrong = digestOf([C]);
  set.apply(delta(1, [], { digest: wrong }), EPOCH);
  expect(set.apply(delta(2, [], { digest: wrong }), EPOCH).digestMismatch).toBe(true);
  set.forgetPosition();
  const first = set.apply(snapshot([A], { version: 5, isLastChunk: false }), EPOCH);
  expect(first).toMatchObject({ outcome: "collected", digestMismatch: false });
  const last = snapshot([B], { version: 5, chunk: 1, digest: digestOf([A, B]) });
  expect(set.apply(last, EPOCH)).toMatchObject({ outcome: "applied", digestMismatch: false });
});

test("one digest mismatch may repair itself, two in a row are an alarm until one matches", () => {
  const set = setWith(A);
  const wrong = digestOf([C]);
  const alarms = [
    set.apply(delta(1, [], { digest: wrong }), EPOCH),
    set.apply(delta(2, [], { digest: wrong }), EPOCH),
    set.apply(delta(3, [], { digest: wrong }), EPOCH),
    set.apply(snapshot([A], { version: 5 }), EPOCH),
  ].map(({ digestMismatch }) => digestMismatch);
  expect(alarms).toEqual([false, true, true, false]);
});

test("a saved set resumes only with a token that describes it", () => {
  const good = new EndpointSet();
  good.restore([A, B], { epoch: 3, version: 9, digest: digestOf([A, B]) });
  expect(good.resumeToken()).toMatchObject({ epoch: 3, version: 9 });
  const bad = new EndpointSet();
  bad.restore([A, B], { epoch: 3, version: 9, digest: digestOf([A]) });
  expect(bad.resumeToken()).toBeUndefined();
  expect(ids(bad)).toEqual(["a", "b"]);
});

test("an update that changes nothing says so, and gives the same array", () => {
  const set = setWith(A, B);
  const before = set.endpoints();
  const result = set.apply(snapshot([endpoint("a"), endpoint("b")], { version: 2 }), EPOCH);
  expect(result).toMatchObject({ changed: false, urgent: false });
  expect(set.endpoints()).toBe(before);
});
