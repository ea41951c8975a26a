import type { Random } from "../model/random.ts";
import type { EndpointLoad } from "./endpoint-load.ts";
import type { Policy } from "./policy.ts";
import { weightsOf, withoutZeroWeights } from "./weights.ts";

/**
 * At most this many picks are skipped at the start, so that agents that start together do not
 * all begin with the heaviest endpoint. Bounded because each skipped pick costs O(n).
 */
const MAX_SKIPPED_PICKS = 32;

/**
 * Each endpoint by its weight, spread as evenly as possible: exact shares over every total
 * weight of picks. O(n) per pick. Source: nginx, ngx_http_upstream_round_robin.c.
 */
export class SmoothWeightedRoundRobin implements Policy {
  #candidates: readonly EndpointLoad[] = [];
  #weights = new Float64Array(0);
  /** What each endpoint is owed: grows by its weight at each pick, pays the total when picked. */
  #current = new Float64Array(0);
  #totalWeight = 0;
  #isStarted = false;

  /** Who stays keeps what it is owed: frequent updates must not favour the heaviest again. */
  update(candidates: readonly EndpointLoad[]): void {
    const owed = new Map(this.#candidates.map((load, i) => [load, this.#current[i] ?? 0]));
    this.#candidates = withoutZeroWeights(candidates);
    this.#weights = weightsOf(this.#candidates);
    this.#totalWeight = this.#weights.reduce((sum, weight) => sum + weight, 0);
    this.#current = Float64Array.from(this.#candidates, (load) => owed.get(load) ?? 0);
  }

  pick(_nowMs: number, random: Random): EndpointLoad | undefined {
    if (this.#candidates.length < 2) return this.#candidates[0];
    if (!this.#isStarted) this.#start(random);
    return this.#candidates[this.#advance()];
  }

  #start(random: Random): void {
    this.#isStarted = true;
    const skipped = Math.floor(random() * Math.min(this.#candidates.length, MAX_SKIPPED_PICKS));
    for (let i = 0; i < skipped; i++) this.#advance();
  }

  #advance(): number {
    let best = 0;
    let bestOwed = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < this.#current.length; i++) {
      const owed = (this.#current[i] ?? 0) + (this.#weights[i] ?? 0);
      this.#current[i] = owed;
      if (owed > bestOwed) {
        bestOwed = owed;
        best = i;
      }
    }
    this.#current[best] = bestOwed - this.#totalWeight;
    return best;
  }
}
