import type { Random } from "../model/random.ts";
import type { EndpointLoad } from "./endpoint-load.ts";
import type { Policy } from "./policy.ts";
import { weightsOf, withoutZeroWeights } from "./weights.ts";

/**
 * The endpoint with the fewest requests in flight per weight, of all. Ties are drawn by weight:
 * with a fixed order every agent whose counts are 0 would send to the first one. O(n); better
 * than two choices where few clients see most of the load. Sources: nginx, least_conn (the
 * measure); Envoy, least_request_lb.cc FULL_SCAN (random ties; here by a second pass instead of a
 * reservoir, which would need one random number per tie).
 */
export class LeastRequestFullScan implements Policy {
  #candidates: readonly EndpointLoad[] = [];
  #weights = new Float64Array(0);

  update(candidates: readonly EndpointLoad[]): void {
    this.#candidates = withoutZeroWeights(candidates);
    this.#weights = weightsOf(this.#candidates);
  }

  pick(_nowMs: number, random: Random): EndpointLoad | undefined {
    let lowest = Number.POSITIVE_INFINITY;
    let tiedWeight = 0;
    for (let i = 0; i < this.#candidates.length; i++) {
      const weight = this.#weights[i] ?? 1;
      const load = (this.#candidates[i]?.inFlight ?? 0) / weight;
      if (load > lowest) continue;
      tiedWeight = load < lowest ? weight : tiedWeight + weight;
      lowest = load;
    }
    return this.#tied(lowest, random() * tiedWeight);
  }

  /** The one of those with this load whose share of their weights holds the ticket. */
  #tied(lowest: number, ticket: number): EndpointLoad | undefined {
    let left = ticket;
    let last: EndpointLoad | undefined;
    for (let i = 0; i < this.#candidates.length; i++) {
      const candidate = this.#candidates[i];
      const weight = this.#weights[i] ?? 1;
      if (candidate === undefined || candidate.inFlight / weight !== lowest) continue;
      last = candidate;
      left -= weight;
      if (left < 0) return candidate;
    }
    return last;
  }
}
