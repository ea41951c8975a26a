import { setTimeout as delay } from "node:timers/promises";

/** Short enough not to blur a figure, long enough not to load the machine that is measured. */
const POLL_MS = 20;

/**
 * Polls until `check` answers something other than `undefined` or `false`, and returns that.
 * A check that throws counts as not yet; the last error becomes the cause of the failure.
 */
export async function waitUntil<T>(
  what: string,
  timeoutMs: number,
  check: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const answer = await check();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadlineMs) {
      throw new Error(`not within ${timeoutMs} ms: ${what}`, { cause });
    }
    await delay(POLL_MS);
  }
}
