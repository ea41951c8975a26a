import type { Clock } from "../ports/clock.ts";

/** A stop must not hang on a control plane that is away: the leases run out by themselves. */
export const GOODBYE_MS = 2_000;

/** Deregistrations that wait for their answer. */
export class Goodbyes {
  readonly #clock: Clock;
  readonly #waiting = new Map<number, () => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when that request is answered, or after 2 s without an answer. */
  answerTo(requestId: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        this.#waiting.delete(requestId);
        resolve();
      };
      const cancel = this.#clock.after(GOODBYE_MS, end);
      this.#waiting.set(requestId, end);
    });
  }

  answered(requestId: number): void {
    this.#waiting.get(requestId)?.();
  }

  /** Nobody is left who could answer. */
  abandon(): void {
    for (const end of [...this.#waiting.values()]) end();
  }
}
