import fc from "fast-check";
import { expect, test } from "vitest";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import { WeightedLottery } from "./weighted-lottery.ts";

test("draws each index by its weight", () => {
  const weights = Float64Array.of(1, 2, 3, 4, 90);
  const lottery = new WeightedLottery();
  lottery.update(weights);
  const random = seededRandom(1);
  const counts = new Array<number>(5).fill(0);
  for (let i = 0; i < 100_000; i++) {
    const index = lottery.draw(random);
    counts[index] = (counts[index] ?? 0) + 1;
  }
  for (const [i, weight] of weights.entries()) {
    // Five deviations of a binomial count.
    const tolerance = 5 * Math.sqrt(1_000 * weight * (1 - weight / 100));
    expect(Math.abs((counts[i] ?? 0) - 1_000 * weight)).toBeLessThan(tolerance);
  }
});

test("the second draw is inside the list and another one, even beside an overwhelming weight", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(1, 100, 10_000), { minLength: 2, maxLength: 20 }),
      fc.integer(),
      (weights, seed) => {
        const lottery = new WeightedLottery();
        lottery.update(Float64Array.from(weights));
        const random = seededRandom(seed);
        for (let i = 0; i < 50; i++) {
          const first = lottery.draw(random);
          const second = lottery.drawOther(random, first);
          expect(second).not.toBe(first);
          expect(weights[first]).toBeDefined();
          expect(weights[second]).toBeDefined();
        }
      },
    ),
  );
});

test("forgets former weights", () => {
  const lottery = new WeightedLottery();
  lottery.update(Float64Array.of(1, 10_000));
  lottery.update(Float64Array.of(5, 5));
  const random = seededRandom(2);
  const firsts = Array.from({ length: 1_000 }, () => lottery.draw(random));
  // 500 expected, deviation 16.
  expect(Math.abs(firsts.filter((index) => index === 0).length - 500)).toBeLessThan(80);
});
