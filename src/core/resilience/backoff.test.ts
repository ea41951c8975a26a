import fc from "fast-check";
import { expect, test } from "vitest";
import { fullJitterMs } from "./backoff.ts";

test.each([
  { attempt: 0, boundMs: 200 },
  { attempt: 1, boundMs: 400 },
  { attempt: 5, boundMs: 6_400 },
  { attempt: 6, boundMs: 10_000 },
  { attempt: 5_000, boundMs: 10_000 },
])("attempt $attempt waits up to $boundMs ms", ({ attempt, boundMs }) => {
  expect(fullJitterMs(attempt, () => 0)).toBe(0);
  expect(fullJitterMs(attempt, () => 0.5)).toBe(boundMs / 2);
});

test("is never negative, infinite or above the cap", () => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, draw) => {
      const waitMs = fullJitterMs(attempt, () => draw, { baseMs: 50, capMs: 2_000 });
      expect(waitMs >= 0 && waitMs <= 2_000).toBe(true);
    }),
  );
});
