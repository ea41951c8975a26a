import type { EndpointLoad } from "./endpoint-load.ts";

/** Weight 0 takes no requests, unless there is nothing else: then all weigh the same. */
export function withoutZeroWeights(candidates: readonly EndpointLoad[]): readonly EndpointLoad[] {
  const weighted = candidates.filter(({ endpoint }) => endpoint.weight > 0);
  return weighted.length === 0 ? [...candidates] : weighted;
}

/** An endpoint's weight as a divisor: at least 1. */
export function weightOf(load: EndpointLoad): number {
  return Math.max(1, load.endpoint.weight);
}

/** Weights by index, side by side in memory: a scan of 10,000 endpoints touches few cache lines. */
export function weightsOf(candidates: readonly EndpointLoad[]): Float64Array<ArrayBuffer> {
  return Float64Array.from(candidates, weightOf);
}
