import type { Clock } from "../../src/ports/clock.ts";

/** Time that moves only when told to; due tasks run in order of their deadline. */
export class FakeClock implements Clock {
  #nowMs = 0;
  #tasks: { dueMs: number; task: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  /** Wall time runs with monotonic time, from an arbitrary start. */
  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs + this.wallStepMs;
  }

  /** A step of the wall clock that monotonic time does not see. */
  wallStepMs = 0;

  after(delayMs: number, task: () => void): () => void {
    const entry = { dueMs: this.#nowMs + delayMs, task };
    this.#tasks.push(entry);
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== entry);
    };
  }

  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (let next = this.#nextDue(untilMs); next; next = this.#nextDue(untilMs)) {
      this.#tasks = this.#tasks.filter((other) => other !== next);
      this.#nowMs = next.dueMs;
      next.task();
    }
    this.#nowMs = untilMs;
  }

  #nextDue(untilMs: number): { dueMs: number; task: () => void } | undefined {
    return this.#tasks
      .filter(({ dueMs }) => dueMs <= untilMs)
      .reduce<{ dueMs: number; task: () => void } | undefined>(
        (first, entry) => (first && first.dueMs <= entry.dueMs ? first : entry),
        undefined,
      );
  }
}
