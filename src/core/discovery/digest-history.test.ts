import { expect, test } from "vitest";
import { DigestHistory, MAX_FORMER_STATES } from "./digest-history.ts";

function digest(n: number) {
  return { count: n % 7, sum: BigInt(n) * 0x1_0000_0001n };
}

test("finds the version of a former digest, and the digest of a former version", () => {
  const history = new DigestHistory();
  for (const version of [3, 5, 9]) history.add(version, digest(version));
  expect(history.versionOf(digest(5))).toBe(5);
  expect(history.digestAt(9)).toEqual(digest(9));
  expect(history.versionOf(digest(4))).toBeUndefined();
  expect(history.digestAt(4)).toBeUndefined();
});

test("a set that came again is known by its newest version", () => {
  const history = new DigestHistory();
  history.add(1, digest(1));
  history.add(2, digest(2));
  history.add(3, digest(1));
  expect(history.versionOf(digest(1))).toBe(3);
});

test("equal sums of different counts are different sets", () => {
  const history = new DigestHistory();
  history.add(1, { count: 2, sum: 5n });
  expect(history.versionOf({ count: 1, sum: 5n })).toBeUndefined();
});

test("the oldest are forgotten when there are too many", () => {
  const history = new DigestHistory();
  for (let version = 1; version <= MAX_FORMER_STATES + 5; version++) {
    history.add(version, digest(version));
  }
  expect(history.versionOf(digest(5))).toBeUndefined();
  for (let version = 6; version <= MAX_FORMER_STATES + 5; version++) {
    expect(history.versionOf(digest(version))).toBe(version);
    expect(history.digestAt(version)).toEqual(digest(version));
  }
});
