import { expect, test } from "vitest";
import { newFastRandom } from "./fast-random.ts";

test("repeats for a seed and differs for its neighbour", () => {
  const draw = (seed: number): number[] => Array.from({ length: 20 }, newFastRandom(seed));
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7).filter((value, i) => value === draw(8)[i])).toEqual([]);
});

test("fills [0, 1) evenly", () => {
  const random = newFastRandom(1);
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i++) {
    const value = random();
    expect(value >= 0 && value < 1).toBe(true);
    counts[Math.floor(value * 10)] = (counts[Math.floor(value * 10)] ?? 0) + 1;
  }
  // Each count is binomial around 10,000 with a deviation of 95: five of them.
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(475);
});
