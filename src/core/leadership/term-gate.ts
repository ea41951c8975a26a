/** What a receiver of a leader's writes remembers: of two leaders the one that was elected later counts. */
export class TermGate {
  #highest = 0;

  /** The newest term that was heard of; 0 for none. */
  get highest(): number {
    return this.#highest;
  }

  /** @returns false for what a former leader sends, which must change nothing. */
  admits(term: number): boolean {
    if (term < this.#highest) return false;
    this.#highest = term;
    return true;
  }
}
