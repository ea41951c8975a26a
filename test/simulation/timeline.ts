import { nextTick } from "node:process";

interface Entry {
  readonly atMs: number;
  /** Ties run in the order in which they were set. */
  readonly order: number;
  task: (() => void) | undefined;
}

/**
 * Virtual time of a whole world: events in order of their time, in a binary heap. Between two
 * events every promise that can settle has settled, so that a run is the same each time.
 */
export class Timeline {
  readonly #heap: Entry[] = [];
  #nowMs = 0;
  #order = 0;
  /** Events that ran. */
  eventCount = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, task: () => void): () => void {
    const entry: Entry = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#order++,
      task,
    };
    this.#push(entry);
    return () => {
      entry.task = undefined;
    };
  }

  /** Lets all promises settle. */
  async settle(): Promise<void> {
    await nextTurn();
  }

  /** Runs what is due up to that time. @param afterEach called after each event; true stops. */
  async runUntil(untilMs: number, afterEach: () => boolean): Promise<void> {
    for (let next = this.#heap[0]; next && next.atMs <= untilMs; next = this.#heap[0]) {
      this.#pop();
      const { task } = next;
      if (task === undefined) continue;
      this.#nowMs = next.atMs;
      this.eventCount++;
      task();
      await nextTurn();
      if (afterEach()) return;
    }
    this.#nowMs = untilMs;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(entry, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const right = heap[left + 1];
      let child = heap[left];
      if (child === undefined) break;
      let index = left;
      if (right !== undefined && isBefore(right, child)) {
        child = right;
        index = left + 1;
      }
      if (!isBefore(child, last)) break;
      heap[at] = child;
      at = index;
    }
    heap[at] = last;
  }
}

/** Comes after all microtasks, and without a turn of the event loop, which costs more than most events. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => nextTick(resolve));
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
