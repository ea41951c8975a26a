/** Waits grow up to nine times. Source: HashiCorp, "Lifeguard", 2017: awareness of at most 8. */
const MAX_SCORE = 8;
/** A loop that is late by so much makes others look silent. */
const LATE_MS = 1_000;

/**
 * How far this replica doubts itself: 0 when all is well. Whoever has trouble of his own waits longer
 * before he accuses others.
 */
export class OwnHealth {
  #score = 0;
  #isWorse = false;

  get score(): number {
    return this.#score;
  }

  /** By what times of silence are multiplied. */
  get patience(): number {
    return 1 + this.#score;
  }

  /** The event loop came back late. */
  late(lagMs: number): void {
    if (lagMs > LATE_MS) this.#worse();
  }

  /** The bus had to connect anew. */
  reconnected(): void {
    this.#worse();
  }

  /** Others are heard, and say that they do not hear us. */
  unheard(): void {
    this.#worse();
  }

  /** Each second: one step back when nothing happened since the last one. */
  tick(): void {
    if (!this.#isWorse) this.#score = Math.max(0, this.#score - 1);
    this.#isWorse = false;
  }

  #worse(): void {
    this.#isWorse = true;
    this.#score = Math.min(MAX_SCORE, this.#score + 1);
  }
}
