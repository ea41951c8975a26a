import type { Clock } from "../../src/ports/clock.ts";

/**
 * Time that passes `factor` times as fast, for programs that wait minutes for what real processes
 * beside them do.
 * @param aheadMs by how much the wall clock is wrong.
 */
export function fastClock(factor: number, aheadMs = 0): Clock {
  return {
    nowMs: () => performance.now() * factor,
    wallMs: () => Date.now() + aheadMs,
    after(delayMs, task) {
      const timer = setTimeout(task, delayMs / factor);
      return () => clearTimeout(timer);
    },
  };
}
