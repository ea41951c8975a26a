import fc from "fast-check";
import { expect, test } from "vitest";
import { durationToMs, msToDuration } from "./duration.ts";

test.each([
  { ms: 0, seconds: 0n, nanos: 0 },
  { ms: 15_000, seconds: 15n, nanos: 0 },
  { ms: 1_500, seconds: 1n, nanos: 500_000_000 },
  { ms: 0.25, seconds: 0n, nanos: 250_000 },
  { ms: -1_500, seconds: -1n, nanos: -500_000_000 },
  { ms: 999.999_999_9, seconds: 1n, nanos: 0 },
])("$ms ms is $seconds s and $nanos ns", ({ ms, seconds, nanos }) => {
  expect(msToDuration(ms)).toEqual({ seconds, nanos });
});

test("a duration that is not set is undefined", () => {
  expect(durationToMs(undefined)).toBeUndefined();
});

test("whole milliseconds survive the wire", () => {
  const anyMs = fc.integer({ min: -1_000_000_000_000, max: 1_000_000_000_000 });
  fc.assert(fc.property(anyMs, (ms) => durationToMs(msToDuration(ms)) === ms));
});
