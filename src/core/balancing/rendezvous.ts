import { hash32, mix32 } from "../model/hash.ts";
import type { Random } from "../model/random.ts";
import type { EndpointLoad } from "./endpoint-load.ts";
import type { Policy } from "./policy.ts";
import { weightsOf, withoutZeroWeights } from "./weights.ts";

/**
 * The same endpoint for the same key, on every agent: each endpoint scores with a hash of key
 * and id, the highest wins. Removing one moves only its own keys; shares follow weights. O(n).
 * Source: Schindelhauer and Schomaker, "Weighted Distributed Hash Tables", 2005.
 */
export class Rendezvous implements Policy {
  #candidates: readonly EndpointLoad[] = [];
  #weights = new Float64Array(0);
  #idHashes = new Uint32Array(0);
  #hasEqualWeights = true;

  update(candidates: readonly EndpointLoad[]): void {
    // Ordered by id, so that two ids with one hash are told apart alike on every agent.
    this.#candidates = [...withoutZeroWeights(candidates)].sort(byId);
    this.#weights = weightsOf(this.#candidates);
    this.#idHashes = Uint32Array.from(this.#candidates, ({ endpoint }) => hash32(endpoint.id));
    this.#hasEqualWeights = this.#weights.every((weight) => weight === this.#weights[0]);
  }

  pick(_nowMs: number, _random: Random, key: number): EndpointLoad | undefined {
    return this.#candidates[this.#hasEqualWeights ? this.#highest(key) : this.#heaviest(key)];
  }

  #highest(key: number): number {
    let best = 0;
    let bestScore = -1;
    for (let i = 0; i < this.#idHashes.length; i++) {
      const score = mix32(key ^ (this.#idHashes[i] ?? 0));
      if (score > bestScore) {
        bestScore = score;
        best = i;
      }
    }
    return best;
  }

  #heaviest(key: number): number {
    let best = 0;
    let bestScore = -1;
    for (let i = 0; i < this.#idHashes.length; i++) {
      // Half a step up keeps the uniform number inside (0, 1), where its logarithm is below 0.
      const uniform = (mix32(key ^ (this.#idHashes[i] ?? 0)) + 0.5) / 2 ** 32;
      const score = -(this.#weights[i] ?? 1) / Math.log(uniform);
      if (score > bestScore) {
        bestScore = score;
        best = i;
      }
    }
    return best;
  }
}

function byId(a: EndpointLoad, b: EndpointLoad): number {
  if (a.endpoint.id === b.endpoint.id) return 0;
  return a.endpoint.id < b.endpoint.id ? -1 : 1;
}
