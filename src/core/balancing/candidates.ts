import type { EndpointLoad } from "./endpoint-load.ts";

/**
 * The endpoints that may be picked now: of the best class that has any, those of the smallest
 * priority number (masters before backups). Unhealthy endpoints are in no class.
 *
 * Classes, best first: healthy or suspect; the same with weight 0, which takes no requests
 * unless nothing else can; draining, which is about to go.
 */
export function selectCandidates(loads: Iterable<EndpointLoad>): readonly EndpointLoad[] {
  let candidates: EndpointLoad[] = [];
  let bestClass = UNUSABLE;
  let bestPriority = Number.POSITIVE_INFINITY;
  for (const load of loads) {
    const candidateClass = classOf(load);
    if (candidateClass === UNUSABLE || candidateClass > bestClass) continue;
    const { priority } = load.endpoint;
    if (candidateClass < bestClass || priority < bestPriority) {
      bestClass = candidateClass;
      bestPriority = priority;
      candidates = [];
    }
    if (priority === bestPriority) candidates.push(load);
  }
  return candidates;
}

/** True for an endpoint that takes requests in the ordinary course, whatever its priority. */
export function isUsable(load: EndpointLoad): boolean {
  return classOf(load) === ORDINARY;
}

const ORDINARY = 0;
const WEIGHTLESS = 1;
const DRAINING = 2;
const WEIGHTLESS_DRAINING = 3;
const UNUSABLE = 4;

function classOf({ endpoint: { state, weight } }: EndpointLoad): number {
  switch (state) {
    case "healthy":
    case "suspect":
      return weight > 0 ? ORDINARY : WEIGHTLESS;
    case "draining":
      return weight > 0 ? DRAINING : WEIGHTLESS_DRAINING;
    case "unhealthy":
      return UNUSABLE;
  }
}
