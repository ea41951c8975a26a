import type { Random } from "../model/random.ts";

export interface BackoffOptions {
  /** Upper bound of the first wait. */
  readonly baseMs: number;
  /** Upper bound of every wait. */
  readonly capMs: number;
}

/** 0.2 s hides a restart from people; 10 s keeps a fleet that waits from hammering who comes back. */
export const DEFAULT_BACKOFF: BackoffOptions = { baseMs: 200, capMs: 10_000 };

/**
 * How long to wait before attempt `attempt` (0 is the first retry): uniform between 0 and a
 * bound that doubles. Full jitter spreads many clients best.
 * Source: AWS Architecture Blog, "Exponential Backoff And Jitter", 2015.
 */
export function fullJitterMs(
  attempt: number,
  random: Random,
  options: BackoffOptions = DEFAULT_BACKOFF,
): number {
  return random() * Math.min(options.capMs, options.baseMs * 2 ** attempt);
}
