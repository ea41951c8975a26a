/**
 * Hybrid logical clock: wall milliseconds x 1,024 + a counter, in one safe integer (until the
 * year 2248). Orders registrations of different processes; never used for timers.
 * Source: Kulkarni et al., "Logical Physical Clocks", 2014.
 */
const TICKS_PER_MS = 1024;

/** Larger than this ahead of our time, a foreign one is not believed: it would win for ever. */
const MAX_AHEAD_MS = 5_000;

/** The next time: after `last`, and not before the wall clock. */
export function nextHlc(last: number, wallMs: number): number {
  return Math.max(last + 1, Math.floor(wallMs) * TICKS_PER_MS);
}

/** One replica's. */
export class HybridClock {
  #last = 0;

  /** The latest time that was issued or heard of. */
  get last(): number {
    return this.#last;
  }

  /** No time up to this one is issued any more. */
  advance(hlc: number): void {
    this.#last = Math.max(this.#last, hlc);
  }

  tick(wallMs: number): number {
    this.#last = nextHlc(this.#last, wallMs);
    return this.#last;
  }

  /**
   * True for a time that a well-meaning peer can have issued: not far ahead of the wall clock, or of what was
   * believed before wall clocks were set back.
   */
  believes(hlc: number, wallMs: number): boolean {
    const ownMs = Math.max(wallMs, hlcWallMs(this.#last));
    return Number.isSafeInteger(hlc) && hlc > 0 && hlcWallMs(hlc) <= ownMs + MAX_AHEAD_MS;
  }

  /** The time that a peer issued for somebody, if it can be believed; else a new one. */
  accept(claimed: number | undefined, wallMs: number): number {
    if (claimed === undefined || !this.believes(claimed, wallMs)) return this.tick(wallMs);
    this.advance(claimed);
    return claimed;
  }
}

/** Whole milliseconds since 1970. */
export function hlcWallMs(hlc: number): number {
  return Math.floor(hlc / TICKS_PER_MS);
}
