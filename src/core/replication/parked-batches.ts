import type { DeltaBatch } from "./messages.ts";

/** 256 batches bridge a pull of half a second under full load; what is dropped is pulled again. */
export const MAX_PARKED_BATCHES = 256;

/** Batches of one epoch that arrived after a gap. */
export class ParkedBatches {
  readonly #byPrevSeq = new Map<number, DeltaBatch>();

  get size(): number {
    return this.#byPrevSeq.size;
  }

  /** @returns false when there is no room: the batch is dropped. */
  add(batch: DeltaBatch): boolean {
    const same = this.#byPrevSeq.get(batch.prevSeq);
    if (same === undefined && this.size >= MAX_PARKED_BATCHES) return false;
    if (same === undefined || same.seq < batch.seq) this.#byPrevSeq.set(batch.prevSeq, batch);
    return true;
  }

  /** The batch that goes on after `seq`, or overlaps it; forgets what ends before. */
  takeAfter(seq: number): DeltaBatch | undefined {
    for (const [prevSeq, batch] of this.#byPrevSeq) {
      if (prevSeq > seq) continue;
      this.#byPrevSeq.delete(prevSeq);
      if (batch.seq > seq) return batch;
    }
    return undefined;
  }

  clear(): void {
    this.#byPrevSeq.clear();
  }
}
