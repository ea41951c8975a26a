import type { OriginPosition } from "../../../core/discovery/seen-positions.ts";
import type { Clock } from "../../../ports/clock.ts";

/** How often those who wait are looked at; an agent is here for longer than that. */
const LOOK_MS = 20;

/** Agents that wait until this replica has heard what they have seen elsewhere. */
export class CaughtUp {
  readonly #clock: Clock;
  readonly #hasHeard: (seen: OriginPosition) => boolean;

  /** @param hasHeard also true for an origin that this replica has forgotten. */
  constructor(clock: Clock, hasHeard: (seen: OriginPosition) => boolean) {
    this.#clock = clock;
    this.#hasHeard = hasHeard;
  }

  /** Never rejects. @returns whether all of it was heard in time. */
  wait(seen: readonly OriginPosition[], timeoutMs: number): Promise<boolean> {
    let missing = seen.filter((position) => !this.#hasHeard(position));
    if (missing.length === 0) return Promise.resolve(true);
    const endsAtMs = this.#clock.nowMs() + timeoutMs;
    return new Promise((resolve) => {
      const look = (): void => {
        missing = missing.filter((position) => !this.#hasHeard(position));
        if (missing.length === 0) resolve(true);
        else if (this.#clock.nowMs() >= endsAtMs) resolve(false);
        else this.#clock.after(LOOK_MS, look);
      };
      this.#clock.after(LOOK_MS, look);
    });
  }
}
