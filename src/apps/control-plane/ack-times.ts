/** Upper bounds in milliseconds: drains and removals are acknowledged at once, the rest every 100 ms. */
export const ACK_BOUNDS_MS: readonly number[] = [
  ...[1, 2.5, 5, 10, 25, 50, 100, 150, 250, 500],
  ...[1_000, 2_500, 5_000, 10_000, 30_000],
];

/** How long agents take to acknowledge what they are sent: counters only. */
export class AckTimes {
  /** Count per bucket, not cumulative; the last one is above every bound. */
  readonly counts = new Uint32Array(ACK_BOUNDS_MS.length + 1);
  sumMs = 0;

  record(ms: number): void {
    const index = ACK_BOUNDS_MS.findIndex((bound) => ms <= bound);
    const bucket = index < 0 ? ACK_BOUNDS_MS.length : index;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sumMs += ms;
  }
}
