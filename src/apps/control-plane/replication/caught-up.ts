import type { OriginPosition, SeenPositions } from "../../../core/discovery/seen-positions.ts";
import type { Clock } from "../../../ports/clock.ts";

/** How often those who wait are looked at; an agent is here for longer than that. */
const LOOK_MS = 20;

/** Agents that wait until this replica has heard what they have seen elsewhere. */
export class CaughtUp {
  readonly #clock: Clock;
  readonly #hasHeard: (seen: OriginPosition) => boolean;
  readonly #implied: SeenPositions;

  /**
   * @param hasHeard also true for an origin that this replica has forgotten.
   * @param implied what was heard was written in the knowledge of these. A registration that came and went to
   *   another origin before it was pulled is in neither copy until that other one's has come as far.
   */
  constructor(clock: Clock, hasHeard: (seen: OriginPosition) => boolean, implied: SeenPositions) {
    this.#clock = clock;
    this.#hasHeard = hasHeard;
    this.#implied = implied;
  }

  /** Never rejects. @returns whether all of it was heard in time, and all that this implies. */
  wait(seen: readonly OriginPosition[], timeoutMs: number): Promise<boolean> {
    let missing = seen;
    const isThere = (): boolean => {
      missing = missing.filter((position) => !this.#hasHeard(position));
      return missing.length === 0 && this.#implied.list().every(this.#hasHeard);
    };
    if (isThere()) return Promise.resolve(true);
    const endsAtMs = this.#clock.nowMs() + timeoutMs;
    return new Promise((resolve) => {
      const look = (): void => {
        if (isThere()) resolve(true);
        else if (this.#clock.nowMs() >= endsAtMs) resolve(false);
        else this.#clock.after(LOOK_MS, look);
      };
      this.#clock.after(LOOK_MS, look);
    });
  }
}
