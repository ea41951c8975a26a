import { expect, test } from "vitest";
import { equalLoads } from "../../../test/support/loads.ts";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import type { EndpointLoad } from "./endpoint-load.ts";
import { FAILURE_RESPONSE_MS, PeakEwma } from "./peak-ewma.ts";

function shareOf(id: string, loads: readonly EndpointLoad[], nowMs: number): number {
  const policy = new PeakEwma();
  policy.update(loads);
  const random = seededRandom(3);
  let count = 0;
  for (let i = 0; i < 1_000; i++) {
    if (policy.pick(nowMs, random)?.endpoint.id === id) count += 1;
  }
  return count / 1_000;
}

function twoLoads(): [EndpointLoad, EndpointLoad] {
  const [a, b] = equalLoads(2);
  if (a === undefined || b === undefined) throw new Error("two loads expected");
  return [a, b];
}

test("takes the faster of two", () => {
  const [a, b] = twoLoads();
  a.observe(10, 0);
  b.observe(30, 0);
  expect(shareOf("e0", [a, b], 0)).toBe(1);
});

test("weighs speed against what is in flight", () => {
  const [a, b] = twoLoads();
  a.observe(10, 0);
  a.inFlight = 3;
  b.observe(30, 0);
  // 10 ms x 4 is more than 30 ms x 1.
  expect(shareOf("e0", [a, b], 0)).toBe(0);
});

test("tries an unknown endpoint once, and no more until it answered", () => {
  const [known, unknown] = twoLoads();
  known.observe(10, 0);
  expect(shareOf("e1", [known, unknown], 0)).toBe(1);
  unknown.inFlight = 1;
  expect(shareOf("e1", [known, unknown], 0)).toBe(0);
});

test("a fast failure does not attract", () => {
  const [good, failing] = twoLoads();
  good.observe(50, 0);
  failing.observe(Math.max(1, FAILURE_RESPONSE_MS), 0);
  good.inFlight = 20;
  expect(shareOf("e1", [good, failing], 0)).toBe(0);
});

test("gives a slow endpoint another chance after it was left alone", () => {
  const [fast, slow] = twoLoads();
  slow.observe(1_000, 0);
  fast.observe(10, 60_000);
  // 1,000 ms decayed over six time constants is 2.5 ms.
  expect(shareOf("e1", [fast, slow], 60_000)).toBe(1);
});
