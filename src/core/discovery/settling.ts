/**
 * After a start, a replica knows less than the world does: services still re-attach. Until
 * it has settled, its answers are merged by agents, and drains are not yet safe.
 */
export interface Settling {
  readonly startedAtMs: number;
  readonly settleAfterMs: number;
}

/** Long enough for every agent and every session to come back after its longest backoff, three times over. */
export const DEFAULT_SETTLE_AFTER_MS = 30_000;

/** Up for longer than the longest lease that it restored, and at least `settleAfterMs`. */
export function settlesAtMs(settling: Settling, longestRestoredLeaseMs: number): number {
  return settling.startedAtMs + Math.max(settling.settleAfterMs, longestRestoredLeaseMs);
}
