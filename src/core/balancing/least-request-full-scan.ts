import type { Random } from "../model/random.ts";
import type { EndpointLoad } from "./endpoint-load.ts";
import type { Policy } from "./policy.ts";
import { weightsOf, withoutZeroWeights } from "./weights.ts";

/**
 * The endpoint with the fewest requests in flight per weight, of all. Ties are drawn by weight:
 * with a fixed order every agent whose counts are 0 would send to the first one. O(n); better
 * than two choices where few clients see most of the load. Sources: nginx, least_conn (the
 * measure); Envoy, least_request_lb.cc FULL_SCAN (reservoir sampling of ties).
 */
export class LeastRequestFullScan implements Policy {
  #candidates: readonly EndpointLoad[] = [];
  #weights = new Float64Array(0);

  update(candidates: readonly EndpointLoad[]): void {
    this.#candidates = withoutZeroWeights(candidates);
    this.#weights = weightsOf(this.#candidates);
  }

  pick(_nowMs: number, random: Random): EndpointLoad | undefined {
    let best: EndpointLoad | undefined;
    let bestCost = Number.POSITIVE_INFINITY;
    let tiedWeight = 0;
    for (let i = 0; i < this.#candidates.length; i++) {
      const load = this.#candidates[i];
      const weight = this.#weights[i] ?? 1;
      const cost = (load?.inFlight ?? 0) / weight;
      if (cost > bestCost) continue;
      tiedWeight = cost < bestCost ? weight : tiedWeight + weight;
      if (cost < bestCost || random() * tiedWeight < weight) best = load;
      bestCost = cost;
    }
    return best;
  }
}
