/** What a bench measured, and what was measured of its peers in the same run. */
export interface BenchResult {
  readonly figures: Readonly<Record<string, number | null>>;
  /** `null` for a peer that is not installed. */
  readonly peers: Readonly<Record<string, number | null>>;
}
