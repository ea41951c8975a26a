import { middleWallMs } from "../../../core/replication/middle-time.ts";
import type { Clock } from "../../../ports/clock.ts";

/** Heartbeats tell of other clocks each second: no need to compare them for each registration. */
const REVIEW_MS = 1_000;

/**
 * This replica's time, but for the wall clock, which is the cluster's. Between two reviews it goes on
 * with monotonic time: a step of this machine's wall clock is one of many clocks' at the next one.
 * @param offsetsMs of the other live replicas' wall clocks to this one's
 */
export function clusterClock(own: Clock, offsetsMs: () => readonly number[]): Clock {
  let reviewedAtMs = Number.NEGATIVE_INFINITY;
  let bootMs = 0;
  return {
    nowMs: () => own.nowMs(),
    wallMs() {
      const nowMs = own.nowMs();
      if (nowMs - reviewedAtMs >= REVIEW_MS) {
        reviewedAtMs = nowMs;
        bootMs = middleWallMs(own.wallMs(), offsetsMs()) - nowMs;
      }
      return bootMs + nowMs;
    },
    after: (delayMs, task) => own.after(delayMs, task),
  };
}
