import { middleWallMs } from "../../../core/replication/middle-time.ts";
import type { Clock } from "../../../ports/clock.ts";

/** Heartbeats tell of other clocks each second: no need to compare them for each registration. */
const REVIEW_MS = 1_000;

/**
 * This replica's time, but for the wall clock, which is the cluster's.
 * @param offsetsMs of the other live replicas' wall clocks to this one's
 */
export function clusterClock(own: Clock, offsetsMs: () => readonly number[]): Clock {
  let reviewedAtMs = Number.NEGATIVE_INFINITY;
  let offMs = 0;
  return {
    nowMs: () => own.nowMs(),
    wallMs() {
      const wallMs = own.wallMs();
      const nowMs = own.nowMs();
      if (nowMs - reviewedAtMs >= REVIEW_MS) {
        reviewedAtMs = nowMs;
        offMs = middleWallMs(wallMs, offsetsMs()) - wallMs;
      }
      return wallMs + offMs;
    },
    after: (delayMs, task) => own.after(delayMs, task),
  };
}
