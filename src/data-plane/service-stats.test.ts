import fc from "fast-check";
import { expect, test } from "vitest";
import { equalLoads } from "../../test/support/loads.ts";
import { LATENCY_BOUNDS_MS, LatencyHistogram, ServiceStats } from "./service-stats.ts";

test("counts a latency in the first bucket whose bound is not below it", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 200_000, noNaN: true }), (latencyMs) => {
      const histogram = new LatencyHistogram();
      histogram.record(latencyMs);
      const bucket = histogram.counts.indexOf(1);
      // A logarithm may be off by the last bit right at a bound.
      const nearly = 1 + 1e-9;
      expect(
        (LATENCY_BOUNDS_MS[bucket] ?? Number.POSITIVE_INFINITY) * nearly,
      ).toBeGreaterThanOrEqual(latencyMs);
      expect(LATENCY_BOUNDS_MS[bucket - 1] ?? -1).toBeLessThan(Math.max(latencyMs * nearly, 1e-9));
    }),
  );
});

test("quantiles are upper bounds of their buckets", () => {
  const histogram = new LatencyHistogram();
  expect(histogram.quantileMs(0.5)).toBeUndefined();
  for (let i = 0; i < 99; i++) histogram.record(0.9);
  histogram.record(1_000_000);
  expect(histogram.quantileMs(0.5)).toBeCloseTo(1, 9);
  expect(histogram.quantileMs(0.99)).toBeCloseTo(1, 9);
  expect(histogram.quantileMs(1)).toBe(Number.POSITIVE_INFINITY);
  expect(histogram.sumMs).toBeCloseTo(1_000_089.1, 3);
});

test("cancelled attempts count, but not in the latency", () => {
  const stats = new ServiceStats();
  for (let i = 0; i < 4; i++) stats.begin();
  stats.end("success", 5);
  stats.end("failure", 7);
  stats.end("cancelled", 9_000);
  expect([stats.begun, stats.succeeded, stats.failed, stats.cancelled, stats.inFlight]).toEqual([
    4, 1, 1, 1, 1,
  ]);
  expect([stats.latency.count, stats.latency.sumMs]).toEqual([2, 12]);
});

test("keeps endpoints apart", () => {
  const stats = new ServiceStats();
  const [a, b] = equalLoads(2);
  if (a === undefined || b === undefined) throw new Error("two loads expected");
  stats.of(a).begin();
  expect(stats.of(a).begun).toBe(1);
  expect(stats.of(b).begun).toBe(0);
});
