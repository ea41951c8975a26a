import type { Random } from "../model/random.ts";
import type { EndpointLoad } from "./endpoint-load.ts";
import type { Policy } from "./policy.ts";
import { WeightedLottery } from "./weighted-lottery.ts";
import { weightsOf, withoutZeroWeights } from "./weights.ts";

/**
 * A failure counts as a response that took at least this long: an endpoint that refuses in 1 ms
 * would otherwise look like the fastest and attract everything. Source: linkerd2, load biaser.
 */
export const FAILURE_RESPONSE_MS = 5_000;

/**
 * Cost of an endpoint that was asked and never answered: above every real one, so that a new
 * endpoint gets one request and no more until it answered. Source: Finagle, PeakEwma.scala.
 */
const NO_ANSWER_YET_MS = 1e9;

/**
 * Power of two choices by peak EWMA of response time x (inFlight + 1) / weight. Finds endpoints
 * that are slow for good; needs a few requests per second and endpoint to know anything.
 * Source: Finagle, PeakEwma.scala and P2CPick.scala.
 */
export class PeakEwma implements Policy {
  #candidates: readonly EndpointLoad[] = [];
  #weights = new Float64Array(0);
  readonly #lottery = new WeightedLottery();

  update(candidates: readonly EndpointLoad[]): void {
    this.#candidates = withoutZeroWeights(candidates);
    this.#weights = weightsOf(this.#candidates);
    this.#lottery.update(this.#weights);
  }

  pick(nowMs: number, random: Random): EndpointLoad | undefined {
    if (this.#candidates.length < 2) return this.#candidates[0];
    const first = this.#lottery.draw(random);
    const second = this.#lottery.drawOther(random, first);
    const a = this.#candidates[first];
    const b = this.#candidates[second];
    if (a === undefined || b === undefined) return a ?? b;
    const costA = cost(a, nowMs) * (this.#weights[second] ?? 1);
    const costB = cost(b, nowMs) * (this.#weights[first] ?? 1);
    return costA <= costB ? a : b;
  }
}

function cost(load: EndpointLoad, nowMs: number): number {
  const ewmaMs = load.decayedEwmaMs(nowMs);
  if (ewmaMs > 0) return ewmaMs * (load.inFlight + 1);
  return load.inFlight === 0 ? 0 : NO_ANSWER_YET_MS + load.inFlight;
}
