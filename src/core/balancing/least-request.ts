import type { Random } from "../model/random.ts";
import type { EndpointLoad } from "./endpoint-load.ts";
import type { Policy } from "./policy.ts";
import { WeightedLottery } from "./weighted-lottery.ts";
import { weightsOf, withoutZeroWeights } from "./weights.ts";

/**
 * Power of two choices: draws two distinct endpoints by weight and keeps the one with the lower
 * (inFlight + 1) / weight. With as many in flight on both the first draw stays, so that an idle
 * service still gives each endpoint its share instead of everything to the heavier one.
 * O(1), and unlike a global minimum it does not stampede one idle endpoint.
 * Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.
 */
export class LeastRequest implements Policy {
  #candidates: readonly EndpointLoad[] = [];
  #weights = new Float64Array(0);
  readonly #lottery = new WeightedLottery();

  update(candidates: readonly EndpointLoad[]): void {
    this.#candidates = withoutZeroWeights(candidates);
    this.#weights = weightsOf(this.#candidates);
    this.#lottery.update(this.#weights);
  }

  pick(_nowMs: number, random: Random): EndpointLoad | undefined {
    if (this.#candidates.length < 2) return this.#candidates[0];
    const first = this.#lottery.draw(random);
    const second = this.#lottery.drawOther(random, first);
    const a = this.#candidates[first];
    const b = this.#candidates[second];
    if (a === undefined || b === undefined) return a ?? b;
    if (a.inFlight === b.inFlight) return a;
    // Cross-multiplied: no division.
    const costA = (a.inFlight + 1) * (this.#weights[second] ?? 1);
    const costB = (b.inFlight + 1) * (this.#weights[first] ?? 1);
    return costA <= costB ? a : b;
  }
}
