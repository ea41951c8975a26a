/**
 * A later life of this replica, of which peers speak: its clock was set back, or another process has our id
 * and is not heard yet.
 */
export class LaterLife {
  readonly #waitMs: number;
  #epoch = 0;
  #sinceMs = 0;

  /** @param waitMs by then, another process that really has our id is heard */
  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  heardOf(epoch: number, own: number, nowMs: number): void {
    if (epoch <= own || epoch <= this.#epoch) return;
    if (this.#epoch === 0) this.#sinceMs = nowMs;
    this.#epoch = epoch;
  }

  /** @returns once, the epoch to go on under: peers drop what a lower one says */
  epochAbove(nowMs: number): number | undefined {
    if (this.#epoch === 0 || nowMs - this.#sinceMs < this.#waitMs) return undefined;
    const above = this.#epoch + 1;
    this.#epoch = 0;
    return above;
  }
}
