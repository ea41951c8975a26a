import type { Links } from "./links.ts";
import type { SimProcess } from "./sim-process.ts";

/** Messages that a stream takes before it asks its writer to wait, as in Node's object mode. */
const HIGH_WATER = 16;

/** One direction of a stream: keeps its order, and keeps what a cut link holds up. */
export class Pipe {
  readonly #network: Links;
  readonly #from: string;
  readonly #to: string;
  readonly #receiver: () => SimProcess | undefined;
  readonly #drained: () => void;
  /** In flight, oldest first. */
  #queue: (() => void)[] = [];
  /** Arrivals that a cut link held up. */
  #held = 0;
  #lastDueMs = 0;
  #unread = 0;
  #isFull = false;
  #isCleared = false;

  constructor(
    network: Links,
    from: string,
    to: string,
    receiver: () => SimProcess | undefined,
    drained: () => void,
  ) {
    this.#network = network;
    this.#from = from;
    this.#to = to;
    this.#receiver = receiver;
    this.#drained = drained;
  }

  /** The first segment, which no process has to read. */
  open(arrived: () => void): void {
    this.#schedule(arrived);
  }

  /** @returns false when the writer should wait. */
  send(read: () => void): boolean {
    if (this.#isCleared) return true;
    this.#unread++;
    this.#schedule(() =>
      this.#receiver()?.run(() => {
        this.#unread--;
        if (this.#isCleared) return;
        read();
        if (this.#isFull && this.#unread === 0) {
          this.#isFull = false;
          this.#network.timeline.after(0, this.#drained);
        }
      }),
    );
    if (this.#unread >= HIGH_WATER) this.#isFull = true;
    return this.#unread < HIGH_WATER;
  }

  clear(): void {
    this.#isCleared = true;
    this.#queue = [];
    this.#held = 0;
  }

  /** The link may pass again. */
  wake(): void {
    const count = this.#held;
    this.#held = 0;
    for (let i = 0; i < count; i++) this.#arriveLater();
  }

  #schedule(arrived: () => void): void {
    this.#queue.push(arrived);
    this.#arriveLater();
  }

  #arriveLater(): void {
    const { timeline, random } = this.#network;
    const { delayMs, readMs } = this.#network.link(this.#from, this.#to);
    const [min, max] = delayMs;
    const dueMs = timeline.nowMs + min + random() * (max - min);
    this.#lastDueMs = Math.max(this.#lastDueMs, dueMs) + readMs;
    timeline.after(this.#lastDueMs - timeline.nowMs, () => this.#arrive());
  }

  #arrive(): void {
    if (this.#isCleared) return;
    if (this.#network.link(this.#from, this.#to).isCut) this.#held++;
    else this.#queue.shift()?.();
  }
}
