import { expect, test } from "vitest";
import { endpointNamed } from "../../../test/support/loads.ts";
import { EndpointLoad, EWMA_TAU_MS } from "./endpoint-load.ts";

function newLoad(): EndpointLoad {
  return new EndpointLoad(endpointNamed("e"));
}

test("a slower response replaces the average at once", () => {
  const load = newLoad();
  load.observe(10, 0);
  load.observe(80, 1);
  expect(load.ewmaMs).toBe(80);
});

test("a faster response pulls it down by the time that passed", () => {
  const load = newLoad();
  load.observe(100, 0);
  load.observe(0, EWMA_TAU_MS * Math.LN2);
  expect(load.ewmaMs).toBeCloseTo(50, 6);
});

test("the average halves every 6.9 s of silence, and reading it changes nothing", () => {
  const load = newLoad();
  load.observe(100, 1_000);
  const halfLifeMs = EWMA_TAU_MS * Math.LN2;
  expect(load.decayedEwmaMs(1_000 + halfLifeMs)).toBeCloseTo(50, 6);
  expect(load.decayedEwmaMs(1_000 + 2 * halfLifeMs)).toBeCloseTo(25, 6);
  expect(load.ewmaMs).toBe(100);
});

test("two observations at one instant keep the larger", () => {
  const load = newLoad();
  load.observe(40, 5);
  load.observe(10, 5);
  expect(load.ewmaMs).toBe(40);
});

test("is unknown until something was observed", () => {
  expect(newLoad().decayedEwmaMs(99)).toBe(0);
});
