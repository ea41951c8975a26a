/** The middle of the values; the higher one of two. 0 when there are none. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

/** To three decimals: what repeats. */
export function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
