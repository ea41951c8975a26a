import type { Random } from "../model/random.ts";
import type { EndpointLoad } from "./endpoint-load.ts";

/**
 * Chooses the endpoint for one request. Synchronous and free of I/O: it runs on every
 * request and allocates nothing per pick. Time and randomness are arguments.
 */
export interface Policy {
  /**
   * Replaces the candidates. A policy keeps its position and what it knows of those that stay.
   * Weights are read here, not at the pick: call again when one changed.
   */
  update(candidates: readonly EndpointLoad[]): void;

  /**
   * @param key hash of the request's affinity key (client IP), for policies that hash.
   * @returns `undefined` only when there are no candidates; the caller then fails fast.
   */
  pick(nowMs: number, random: Random, key: number): EndpointLoad | undefined;
}

export const POLICY_NAMES = [
  "random",
  "round_robin",
  "weighted_round_robin",
  "least_request",
  "least_request_full_scan",
  "peak_ewma",
  "source_hash",
] as const;

export type PolicyName = (typeof POLICY_NAMES)[number];

/** True for text, for example of a configuration file, that names a policy. */
export function isPolicyName(text: string): text is PolicyName {
  return (POLICY_NAMES as readonly string[]).includes(text);
}
