import fc from "fast-check";
import { expect, test } from "vitest";
import { loadsWeighing } from "../../../test/support/loads.ts";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import { SmoothWeightedRoundRobin } from "./smooth-weighted-round-robin.ts";

function pickIds(policy: SmoothWeightedRoundRobin, count: number, seed: number): string[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => policy.pick(0, random)?.endpoint.id ?? "none");
}

test("every total weight of picks gives each endpoint exactly its weight", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 }),
      fc.nat(200),
      fc.integer(),
      (weights, offset, seed) => {
        const policy = new SmoothWeightedRoundRobin();
        policy.update(loadsWeighing(...weights));
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const window = pickIds(policy, offset + total, seed).slice(offset);
        for (const [i, weight] of weights.entries()) {
          expect(window.filter((id) => id === `e${i}`).length).toBe(weight);
        }
      },
    ),
  );
});

test("spreads the heavy one: 5, 1, 1 is a a b a c a a, never five in a row", () => {
  const policy = new SmoothWeightedRoundRobin();
  policy.update(loadsWeighing(5, 1, 1));
  const twice = pickIds(policy, 14, 1).join("");
  expect(`${twice}${twice}`).toContain("e0e0e1e0e2e0e0");
});

test("an update at every request does not starve the light one", () => {
  const loads = loadsWeighing(9, 1);
  const policy = new SmoothWeightedRoundRobin();
  const random = seededRandom(2);
  const ids: string[] = [];
  for (let i = 0; i < 100; i++) {
    policy.update(loads);
    ids.push(policy.pick(0, random)?.endpoint.id ?? "none");
  }
  expect(ids.filter((id) => id === "e1").length).toBe(10);
});
