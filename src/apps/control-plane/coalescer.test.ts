import { beforeEach, expect, test } from "vitest";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import { Coalescer, MAX_COALESCE_MS, MIN_COALESCE_MS } from "./coalescer.ts";

let clock: FakeClock;
/** When something was told. */
let toldAtMs: number[];
let costMs: number;
let isHeard: boolean;
let coalescer: Coalescer;

beforeEach(() => {
  clock = new FakeClock();
  toldAtMs = [];
  costMs = 0;
  isHeard = true;
  coalescer = new Coalescer(clock, () => {
    toldAtMs.push(clock.nowMs());
    clock.advance(costMs);
    return isHeard;
  });
});

test("the first change is told at once, and those of the same moment together", () => {
  coalescer.changed();
  coalescer.changed();
  coalescer.changed();
  expect(toldAtMs).toEqual([0]);
  clock.advance(MIN_COALESCE_MS);
  expect(toldAtMs).toEqual([0, MIN_COALESCE_MS]);
  clock.advance(100);
  expect(toldAtMs).toHaveLength(2);
});

test("the more telling costs, the longer it rests, and never longer than the limit", () => {
  costMs = 0.125;
  coalescer.changed();
  coalescer.changed();
  clock.advance(MAX_COALESCE_MS);
  expect(toldAtMs).toEqual([0, 0.625]);
  clock.advance(100);
  costMs = 1.5;
  const startMs = clock.nowMs();
  coalescer.changed();
  coalescer.changed();
  clock.advance(100);
  expect(toldAtMs.slice(2)).toEqual([startMs, startMs + MAX_COALESCE_MS]);
});

test("what nobody hears may wait", () => {
  isHeard = false;
  coalescer.changed();
  coalescer.changed();
  clock.advance(MAX_COALESCE_MS - MIN_COALESCE_MS);
  expect(toldAtMs).toEqual([0]);
  clock.advance(MIN_COALESCE_MS);
  expect(toldAtMs).toHaveLength(2);
});

test("what is urgent goes at once and takes along what waits", () => {
  coalescer.changed();
  coalescer.changed();
  coalescer.changed(true);
  expect(toldAtMs).toEqual([0, 0]);
  clock.advance(100);
  expect(toldAtMs).toHaveLength(2);
});

test("after the end nothing is told", () => {
  coalescer.changed();
  coalescer.changed();
  coalescer.stop();
  clock.advance(100);
  expect(toldAtMs).toEqual([0]);
});
