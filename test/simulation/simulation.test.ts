import { describe, expect, test } from "vitest";
import { BREAKS } from "./breaks.ts";
import { KEPT_SEEDS } from "./kept-seeds.ts";
import { FAULTS, planOf, STEPS } from "./plan.ts";
import { run } from "./run.ts";

/** A few seconds; `npm run simulate` runs as many as one has time for. */
const SEEDS = 10;

/** Planted faults are found by most seeds, so that few are enough here. */
const SEEDS_A_BREAK = 60;

test("the same seed gives the same run", async () => {
  const [once, again] = [
    await run(planOf(3), { isTracing: true }),
    await run(planOf(3), { isTracing: true }),
  ];
  expect(again).toEqual(once);
});

test("no seed breaks an invariant, and every kind of fault happens", async () => {
  const fired = new Set<string>();
  for (let seed = 1_001; seed <= 1_000 + SEEDS; seed++) {
    const result = await run(planOf(seed));
    expect(result, `npm run simulate -- --seed ${seed}`).toMatchObject({
      violation: undefined,
      stepCount: STEPS,
    });
    for (const [fault] of result.fired) fired.add(fault);
  }
  expect([...fired].sort()).toEqual([...FAULTS].sort());
});

test.each(KEPT_SEEDS)("seed $seed, which found that $found, is well", async ({ seed }) => {
  expect((await run(planOf(seed))).violation).toBeUndefined();
});

describe("a planted fault is found", () => {
  test.each(Object.entries(BREAKS))("%s", async (_name, planted) => {
    let found: string | undefined;
    for (let seed = 1; seed <= SEEDS_A_BREAK && found === undefined; seed++) {
      found = (await run(planOf(seed), { planted })).violation;
    }
    expect(found).toBeDefined();
  });
});
