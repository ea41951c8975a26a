import type { Clock } from "../../ports/clock.ts";

/**
 * The time of a batch of registrations. The clock is asked when one of them needs to know, which
 * repeated ones do not, and once for all of them.
 */
export class BatchTime {
  readonly #clock: Clock;
  #nowMs: number | undefined;
  #wallMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get nowMs(): number {
    this.#nowMs ??= this.#clock.nowMs();
    return this.#nowMs;
  }

  get wallMs(): number {
    this.#wallMs ??= this.#clock.wallMs();
    return this.#wallMs;
  }

  /** The batch is over. */
  end(): void {
    this.#nowMs = undefined;
    this.#wallMs = undefined;
  }
}
