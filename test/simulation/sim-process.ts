import type { Clock } from "../../src/ports/clock.ts";
import type { Timeline } from "./timeline.ts";

/** An arbitrary day, in milliseconds since 1970. */
const WALL_START_MS = 1_700_000_000_000;

/** Something that came due; cleared when it was cancelled or has run. */
interface Due {
  task: (() => void) | undefined;
}

/**
 * A process of the world: everything that it does begins with a timer or with a message, and
 * both come through here. Killed, nothing happens in it any more; paused, what comes due waits,
 * timers before messages as in Node's loop.
 */
export class SimProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly #timeline: Timeline;
  #isAlive = true;
  #isPaused = false;
  #timers: Due[] = [];
  #messages: Due[] = [];

  /** @param wallStepMs of the machine's wall clock, which may jump while the process runs. */
  constructor(name: string, timeline: Timeline, wallStepMs: () => number) {
    this.name = name;
    this.#timeline = timeline;
    const bootedAtMs = timeline.nowMs - 1_000;
    this.clock = {
      nowMs: () => timeline.nowMs - bootedAtMs,
      wallMs: () => WALL_START_MS + timeline.nowMs + wallStepMs(),
      after: (delayMs, task) => this.#after(delayMs, task),
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** False while it is paused or dead: it answers nothing. */
  get isRunning(): boolean {
    return this.#isAlive && !this.#isPaused;
  }

  /** Something arrives from outside. */
  run(task: () => void): void {
    if (!this.#isAlive) return;
    if (this.#isPaused) this.#messages.push({ task });
    else task();
  }

  kill(): void {
    this.#isAlive = false;
    this.#timers = [];
    this.#messages = [];
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    const waiting = [...this.#timers, ...this.#messages];
    this.#timers = [];
    this.#messages = [];
    for (const due of waiting) this.#timeline.after(0, () => this.#runDue(due));
  }

  #after(delayMs: number, task: () => void): () => void {
    const due: Due = { task };
    const cancel = this.#timeline.after(delayMs, () => {
      if (!this.#isAlive) return;
      if (this.#isPaused) this.#timers.push(due);
      else this.#runDue(due);
    });
    return () => {
      cancel();
      due.task = undefined;
    };
  }

  #runDue(due: Due): void {
    if (!this.#isAlive || due.task === undefined) return;
    if (this.#isPaused) {
      this.#timers.push(due);
      return;
    }
    const { task } = due;
    due.task = undefined;
    task();
  }
}
