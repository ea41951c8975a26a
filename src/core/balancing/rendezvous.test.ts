import fc from "fast-check";
import { expect, test } from "vitest";
import { endpointNamed, loadsWeighing } from "../../../test/support/loads.ts";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import { hash32, mix32 } from "../model/hash.ts";
import { EndpointLoad } from "./endpoint-load.ts";
import { Rendezvous } from "./rendezvous.ts";

const KEYS = Array.from({ length: 500 }, (_, i) => mix32(i));

function owners(loads: readonly EndpointLoad[]): string[] {
  const policy = new Rendezvous();
  policy.update(loads);
  return KEYS.map((key) => policy.pick(0, seededRandom(0), key)?.endpoint.id ?? "none");
}

const weightLists = fc.array(fc.integer({ min: 1, max: 10_000 }), { minLength: 2, maxLength: 10 });

test("names the same endpoint for a key whatever the order of the list", () => {
  fc.assert(
    fc.property(weightLists, (weights) => {
      const loads = loadsWeighing(...weights);
      expect(owners(loads.toReversed())).toEqual(owners(loads));
    }),
  );
});

test("removing an endpoint moves its keys and no others", () => {
  fc.assert(
    fc.property(weightLists, fc.nat(), (weights, pick) => {
      const loads = loadsWeighing(...weights);
      const gone = loads[pick % loads.length];
      const before = owners(loads);
      const after = owners(loads.filter((load) => load !== gone));
      for (const [i, owner] of before.entries()) {
        if (owner !== gone?.endpoint.id) expect(after[i]).toBe(owner);
      }
    }),
  );
});

test("a heavier weight only gains keys", () => {
  const before = owners(loadsWeighing(100, 100, 100));
  const after = owners(loadsWeighing(200, 100, 100));
  for (const [i, owner] of before.entries()) {
    if (after[i] !== owner) expect(after[i]).toBe("e0");
  }
  expect(after.filter((id) => id === "e0").length).toBeGreaterThan(
    before.filter((id) => id === "e0").length,
  );
});

test("agents agree on two ids that have the same hash", () => {
  const ids = ["pod-mfvbne-1v7w", "pod-1souwey-1an0"] as const;
  expect(hash32(ids[0])).toBe(hash32(ids[1]));
  const loads = ids.map((id) => new EndpointLoad(endpointNamed(id)));
  expect(owners(loads.toReversed())).toEqual(owners(loads));
});
