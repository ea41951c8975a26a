import type { Clock } from "../../ports/clock.ts";

/** What changes wait at most before others hear of them. */
export const MAX_COALESCE_MS = 2;

/** What changes in one turn of the event loop travels together in any case. */
export const MIN_COALESCE_MS = 0.2;

/** Telling takes a sixth of the time at most, unless it takes longer than all changes of 2 ms are worth. */
const REST_FACTOR = 5;

/**
 * Decides when changes are told: the first one after quiet at once, others together with what else
 * comes meanwhile. To tell one watcher costs little, so that the next change need not wait; to tell
 * thousands costs as much for ten changes as for one.
 */
export class Coalescer {
  readonly #clock: Clock;
  readonly #tell: () => boolean;
  #readyAtMs = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;

  /** @param tell tells what has changed; false when nobody was there to hear it, who could be waiting */
  constructor(clock: Clock, tell: () => boolean) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** Something changed. @param isUrgent tells it now */
  changed(isUrgent = false): void {
    if (isUrgent) {
      this.#run();
      return;
    }
    if (this.#cancel !== undefined) return;
    const waitMs = this.#readyAtMs - this.#clock.nowMs();
    if (waitMs <= 0) this.#run();
    else this.#cancel = this.#clock.after(waitMs, () => this.#run());
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #run(): void {
    this.stop();
    const startedAtMs = this.#clock.nowMs();
    const wasHeard = this.#tell();
    const costMs = this.#clock.nowMs() - startedAtMs;
    const restMs = wasHeard ? Math.max(MIN_COALESCE_MS, REST_FACTOR * costMs) : MAX_COALESCE_MS;
    this.#readyAtMs = startedAtMs + Math.min(MAX_COALESCE_MS, restMs);
  }
}
