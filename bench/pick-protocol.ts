/** What the bench of picks and its processes say to each other. */

/** `equal` is how instances register unless told otherwise; `mixed` has five weights, 50 to 250. */
export type PickWeights = "equal" | "mixed";

/** Medians over the rounds of one process; nanoseconds per step, bytes per pick. */
export interface PickFigures {
  /** An index into the same array. */
  readonly baselineNs: number;
  readonly pickNs: number;
  /** `pick`, `begin` and `end`: everything that an attempt costs besides its I/O. */
  readonly roundNs: number;
  readonly bytes: number;
}
