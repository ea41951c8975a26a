import { expect, test } from "vitest";
import { equalLoads } from "../../../test/support/loads.ts";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import type { EndpointLoad } from "./endpoint-load.ts";
import { RoundRobin } from "./round-robin.ts";

function idsOf(policy: RoundRobin, count: number): string[] {
  const random = seededRandom(4);
  return Array.from({ length: count }, () => policy.pick(0, random)?.endpoint.id ?? "none");
}

function roundRobinOver(loads: readonly EndpointLoad[]): RoundRobin {
  const policy = new RoundRobin();
  policy.update(loads);
  return policy;
}

test("serves each endpoint once per round", () => {
  const ids = idsOf(roundRobinOver(equalLoads(5)), 10);
  expect(new Set(ids.slice(0, 5)).size).toBe(5);
  expect(ids.slice(5)).toEqual(ids.slice(0, 5));
});

test("goes on with the endpoint that was next, wherever an update put it", () => {
  const loads = equalLoads(4);
  const policy = roundRobinOver(loads);
  const [first, next] = idsOf(policy, 8).slice(4, 6);
  idsOf(policy, 1);
  policy.update(loads.toReversed().filter(({ endpoint }) => endpoint.id !== first));
  expect(idsOf(policy, 1)).toEqual([next]);
});

test("an update at every request still reaches every endpoint", () => {
  const loads = equalLoads(6);
  const policy = roundRobinOver(loads);
  const seen = new Set<string>();
  for (let i = 0; i < 6; i++) {
    for (const id of idsOf(policy, 1)) seen.add(id);
    policy.update(loads);
  }
  expect(seen.size).toBe(6);
});
