import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EndpointLoad } from "../../src/core/balancing/endpoint-load.ts";
import { newPolicy } from "../../src/core/balancing/new-policy.ts";
import { POLICY_NAMES, type Policy, type PolicyName } from "../../src/core/balancing/policy.ts";
import { mix32 } from "../../src/core/model/hash.ts";
import type { Random } from "../../src/core/model/random.ts";
import { equalLoads, loadsWeighing } from "../support/loads.ts";
import { seededRandom } from "../support/seeded-random.ts";

/** Policies that give each endpoint a share proportional to its weight while nothing is in flight. */
const WEIGHTED: readonly PolicyName[] = [
  "random",
  "weighted_round_robin",
  "least_request",
  "least_request_full_scan",
  "source_hash",
];

function policyOver(name: PolicyName, candidates: readonly EndpointLoad[]): Policy {
  const policy = newPolicy(name);
  policy.update(candidates);
  return policy;
}

/** Ids picked by `count` requests that end at once, each of another client. */
function pickIds(policy: Policy, count: number, random: Random): string[] {
  return Array.from({ length: count }, (_, i) => {
    return policy.pick(i, random, mix32(i))?.endpoint.id ?? "none";
  });
}

function countsOf(ids: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

describe.each(POLICY_NAMES)("%s", (name) => {
  test("picks nothing before the first update and when there are no candidates", () => {
    expect(newPolicy(name).pick(0, seededRandom(1), 1)).toBeUndefined();
    expect(policyOver(name, []).pick(0, seededRandom(1), 1)).toBeUndefined();
  });

  test("only ever picks one of the candidates", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ weight: fc.nat(10_000), inFlight: fc.nat(5) }), { minLength: 1 }),
        fc.integer(),
        (shapes, seed) => {
          const loads = loadsWeighing(...shapes.map(({ weight }) => weight));
          for (const [i, load] of loads.entries()) load.inFlight = shapes[i]?.inFlight ?? 0;
          const policy = policyOver(name, loads);
          const random = seededRandom(seed);
          for (let i = 0; i < 50; i++) expect(loads).toContain(policy.pick(i, random, mix32(i)));
        },
      ),
    );
  });

  test("never picks weight 0 while another endpoint has weight, wherever it stands", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(0, 0, 1, 100), { minLength: 2, maxLength: 12 }),
        fc.integer(),
        (weights, seed) => {
          fc.pre(weights.some((weight) => weight > 0));
          const ids = pickIds(policyOver(name, loadsWeighing(...weights)), 100, seededRandom(seed));
          const zeros = weights.flatMap((weight, i) => (weight === 0 ? [`e${i}`] : []));
          expect(ids.filter((id) => zeros.includes(id))).toEqual([]);
        },
      ),
    );
  });

  test("spreads over all endpoints when every weight is 0", () => {
    const ids = pickIds(policyOver(name, loadsWeighing(0, 0, 0)), 200, seededRandom(3));
    expect(new Set(ids)).toEqual(new Set(["e0", "e1", "e2"]));
  });

  test("repeats its picks for a seed", () => {
    const run = (seed: number): string[] =>
      pickIds(policyOver(name, loadsWeighing(10, 20, 30, 40)), 200, seededRandom(seed));
    expect(run(42)).toEqual(run(42));
  });

  test("works on through every shrinking, growing and replacing update", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uniqueArray(fc.nat(19), { maxLength: 20 }), { minLength: 1, maxLength: 8 }),
        fc.integer(),
        (subsets, seed) => {
          const all = loadsWeighing(...Array.from({ length: 20 }, (_, i) => 10 + i));
          const policy = newPolicy(name);
          const random = seededRandom(seed);
          for (const subset of subsets) {
            const candidates = all.filter((_, i) => subset.includes(i));
            policy.update(candidates);
            for (let i = 0; i < 30; i++) {
              const picked = policy.pick(i, random, mix32(i));
              if (candidates.length === 0) expect(picked).toBeUndefined();
              else expect(candidates).toContain(picked);
            }
          }
        },
      ),
    );
  });

  test("does not look at the caller's list again after the update", () => {
    const candidates = equalLoads(4);
    const policy = policyOver(name, candidates);
    candidates.length = 0;
    expect(policy.pick(0, seededRandom(1), 1)).toBeDefined();
  });

  // Binomial at worst: 1,000 expected of 10,000, deviation 30. 150 are five of them.
  test("gives equal endpoints equal shares", () => {
    const counts = countsOf(pickIds(policyOver(name, equalLoads(10)), 10_000, seededRandom(7)));
    expect(counts.size).toBe(10);
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });

  test("spreads its first picks over agents that start together", () => {
    const first = Array.from({ length: 64 }, (_, seed) => {
      return policyOver(name, equalLoads(4)).pick(0, seededRandom(seed), mix32(seed))?.endpoint.id;
    });
    // 16 of 64 each on average; all on one, or half of them missing, is what must not happen.
    expect(new Set(first).size).toBe(4);
  });
});

describe.each(WEIGHTED)("%s, by weight", (name) => {
  // Shares 10, 20, 30 and 40 % of 20,000; the largest deviation is 69. 350 are five of them.
  test("shares follow weights while nothing is in flight", () => {
    const policy = policyOver(name, loadsWeighing(10, 20, 30, 40));
    const counts = countsOf(pickIds(policy, 20_000, seededRandom(11)));
    for (const [i, expected] of [2_000, 4_000, 6_000, 8_000].entries()) {
      expect(Math.abs((counts.get(`e${i}`) ?? 0) - expected)).toBeLessThan(350);
    }
  });

  test("shares follow a weight that changed with the last update", () => {
    const loads = loadsWeighing(50, 50);
    const policy = policyOver(name, loads);
    for (const load of loads) {
      const weight = load.endpoint.id === "e0" ? 90 : 10;
      load.endpoint = { ...load.endpoint, weight };
    }
    policy.update(loads);
    const counts = countsOf(pickIds(policy, 10_000, seededRandom(5)));
    // Deviation 30: five of them.
    expect(Math.abs((counts.get("e0") ?? 0) - 9_000)).toBeLessThan(150);
  });
});

describe.each(["least_request", "least_request_full_scan", "peak_ewma"] as const)(
  "%s, by load",
  (name) => {
    test("with two endpoints always takes the one with less in flight", () => {
      fc.assert(
        fc.property(fc.nat(100), fc.nat(100), fc.integer(), (inFlightA, inFlightB, seed) => {
          fc.pre(inFlightA !== inFlightB);
          const loads = equalLoads(2);
          for (const load of loads) load.observe(10, 0);
          for (const [i, load] of loads.entries()) load.inFlight = i === 0 ? inFlightA : inFlightB;
          const ids = pickIds(policyOver(name, loads), 20, seededRandom(seed));
          expect(new Set(ids)).toEqual(new Set([inFlightA < inFlightB ? "e0" : "e1"]));
        }),
      );
    });

    // A draw with replacement would meet the busiest endpoint twice, and pick it, once in n^2.
    test("never picks the busiest endpoint: the two draws differ", () => {
      const loads = loadsWeighing(100, 200, 300, 300);
      for (const load of loads) load.observe(10, 0);
      for (const load of loads) load.inFlight = load.endpoint.id === "e0" ? 1_000 : 1;
      const ids = pickIds(policyOver(name, loads), 5_000, seededRandom(9));
      expect(ids).not.toContain("e0");
    });

    test("keeps what is in flight proportional to weights under constant concurrency", () => {
      const loads = loadsWeighing(100, 300);
      for (const load of loads) load.observe(10, 0);
      const policy = policyOver(name, loads);
      const random = seededRandom(13);
      for (let i = 0; i < 40; i++) {
        const load = policy.pick(0, random, i);
        if (load !== undefined) load.inFlight += 1;
      }
      // 10 and 30 exactly but for the last few picks.
      expect(Math.abs((loads[0]?.inFlight ?? 0) - 10)).toBeLessThanOrEqual(2);
    });
  },
);
