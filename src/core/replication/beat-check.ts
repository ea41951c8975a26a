/** A single mismatch may be a message on its way; two in a row are a difference. */
const MISMATCHES_TO_PULL = 2;

/**
 * How a copy compares with what its origin says. `unknown`: nothing was said of this epoch yet.
 * `behind`: the origin has said more than has arrived.
 */
export type Agreement = "unknown" | "agrees" | "differs" | "behind";

/** What a heartbeat says of a copy: `late`: the tail before it was lost. `differs`: the same length, another content. */
export type BeatVerdict = "agrees" | "late" | "differs" | undefined;

/** Compares a copy with the heartbeats of its origin. */
export class BeatCheck {
  /** Heartbeats that named another digest at the same sequence, since the start. */
  mismatchCount = 0;
  #agreement: Agreement = "unknown";
  #lastSeq: number | undefined;
  #inARow = 0;

  get agreement(): Agreement {
    return this.#agreement;
  }

  /**
   * @param seq of the heartbeat
   * @param copySeq of the copy when it arrived
   */
  heard(seq: number, copySeq: number, isEqual: boolean): BeatVerdict {
    // Missing already at the last beat, and nothing that came since tells of it: the tail was lost.
    const isLate = seq > copySeq && this.#lastSeq !== undefined && this.#lastSeq > copySeq;
    this.#lastSeq = seq;
    if (seq > copySeq) this.#agreement = "behind";
    if (seq !== copySeq) return isLate ? "late" : undefined;
    if (isEqual) {
      this.#inARow = 0;
      this.#agreement = "agrees";
      return "agrees";
    }
    this.#inARow++;
    this.mismatchCount++;
    if (this.#inARow < MISMATCHES_TO_PULL) return undefined;
    this.#agreement = "differs";
    return "differs";
  }

  /** Something was repaired: the next heartbeats judge anew. */
  repaired(): void {
    this.#inARow = 0;
  }

  /** Another epoch, or all of it anew. */
  forget(): void {
    this.#agreement = "unknown";
    this.#lastSeq = undefined;
    this.#inARow = 0;
  }
}
