import { LeastRequest } from "./least-request.ts";
import { LeastRequestFullScan } from "./least-request-full-scan.ts";
import { PeakEwma } from "./peak-ewma.ts";
import type { Policy, PolicyName } from "./policy.ts";
import { RandomChoice } from "./random.ts";
import { Rendezvous } from "./rendezvous.ts";
import { RoundRobin } from "./round-robin.ts";
import { SmoothWeightedRoundRobin } from "./smooth-weighted-round-robin.ts";

/** The one list of policies: a new one adds a line here and passes the contract suite. */
const FACTORIES: Readonly<Record<PolicyName, () => Policy>> = {
  random: () => new RandomChoice(),
  round_robin: () => new RoundRobin(),
  weighted_round_robin: () => new SmoothWeightedRoundRobin(),
  least_request: () => new LeastRequest(),
  least_request_full_scan: () => new LeastRequestFullScan(),
  peak_ewma: () => new PeakEwma(),
  source_hash: () => new Rendezvous(),
};

/** A policy without candidates: give it some with `update`. */
export function newPolicy(name: PolicyName): Policy {
  return FACTORIES[name]();
}
