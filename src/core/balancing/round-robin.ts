import type { Random } from "../model/random.ts";
import type { EndpointLoad } from "./endpoint-load.ts";
import type { Policy } from "./policy.ts";
import { withoutZeroWeights } from "./weights.ts";

/**
 * Each endpoint in turn. Fair by count, blind to load, latency and weight. Starts at a random
 * endpoint: agents that start together must not all begin with the first one.
 */
export class RoundRobin implements Policy {
  #candidates: readonly EndpointLoad[] = [];
  /** Index of the next pick; negative until the first one. */
  #next = -1;

  /** Goes on with the endpoint that was next, or with whoever stands at its place now. */
  update(candidates: readonly EndpointLoad[]): void {
    const next = this.#candidates[this.#next];
    this.#candidates = withoutZeroWeights(candidates);
    if (next === undefined) return;
    const moved = this.#candidates.indexOf(next);
    this.#next = moved >= 0 ? moved : this.#next % Math.max(1, this.#candidates.length);
  }

  pick(_nowMs: number, random: Random): EndpointLoad | undefined {
    const count = this.#candidates.length;
    if (count === 0) return undefined;
    if (this.#next < 0) this.#next = Math.floor(random() * count);
    const index = this.#next < count ? this.#next : 0;
    this.#next = index + 1 < count ? index + 1 : 0;
    return this.#candidates[index];
  }
}
