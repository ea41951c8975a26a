import type { Random } from "../model/random.ts";
import type { EndpointLoad } from "./endpoint-load.ts";
import type { Policy } from "./policy.ts";
import { WeightedLottery } from "./weighted-lottery.ts";
import { weightsOf, withoutZeroWeights } from "./weights.ts";

/** Any endpoint, with a chance proportional to its weight. No state, and no herd either. */
export class RandomChoice implements Policy {
  #candidates: readonly EndpointLoad[] = [];
  readonly #lottery = new WeightedLottery();

  update(candidates: readonly EndpointLoad[]): void {
    this.#candidates = withoutZeroWeights(candidates);
    this.#lottery.update(weightsOf(this.#candidates));
  }

  pick(_nowMs: number, random: Random): EndpointLoad | undefined {
    if (this.#candidates.length < 2) return this.#candidates[0];
    return this.#candidates[this.#lottery.draw(random)];
  }
}
