import type { PolicyRevision } from "./service-policy.ts";

/** So long a policy that was taken away can be looked at and brought back: longer than anybody is on leave. */
export const KEEP_HISTORY_MS = 30 * 24 * 60 * 60 * 1_000;

/** Services that are cleared in one go, a write each: what is left over waits for the next hour. */
export const MAX_CLEARED_AT_ONCE = 200;

/**
 * The services whose policy is over: taken away for so long that its history serves nobody.
 * @param latest what was decided last of each service.
 * @param wallMs now, in milliseconds since 1970.
 * @returns the revisions that took them away, oldest first.
 */
export function overPolicies(latest: readonly PolicyRevision[], wallMs: number): PolicyRevision[] {
  return latest
    .filter(({ policy, clearedInTerm }) => policy === undefined && clearedInTerm === undefined)
    .filter(({ changedAtMs }) => wallMs - changedAtMs >= KEEP_HISTORY_MS)
    .sort((a, b) => a.revision - b.revision)
    .slice(0, MAX_CLEARED_AT_ONCE);
}
