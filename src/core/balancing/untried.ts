import type { Random } from "../model/random.ts";
import { isUsable } from "./candidates.ts";
import type { EndpointLoad } from "./endpoint-load.ts";
import { weightOf } from "./weights.ts";

/**
 * Where a retry goes when the policy keeps naming endpoints that were tried: the least loaded
 * untried endpoint, of a higher priority number when the smaller ones are all tried (a backup
 * takes over for this request before anybody declared the master dead). O(n): retries only.
 */
export function pickUntried(
  loads: readonly EndpointLoad[],
  tried: readonly EndpointLoad[],
  random: Random,
): EndpointLoad | undefined {
  let best: EndpointLoad | undefined;
  // A random start spreads ties.
  const start = Math.floor(random() * loads.length);
  for (let i = 0; i < loads.length; i++) {
    const load = loads[(start + i) % loads.length];
    if (load === undefined || tried.includes(load)) continue;
    if (best === undefined || isBetter(load, best)) best = load;
  }
  return best;
}

/** Endpoints that a retry may go to beyond the candidates: backups included. */
export function usableOf(loads: Iterable<EndpointLoad>): readonly EndpointLoad[] {
  return [...loads].filter(isUsable);
}

function isBetter(a: EndpointLoad, b: EndpointLoad): boolean {
  if (a.endpoint.priority !== b.endpoint.priority) return a.endpoint.priority < b.endpoint.priority;
  return (a.inFlight + 1) * weightOf(b) < (b.inFlight + 1) * weightOf(a);
}
