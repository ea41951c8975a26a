/** What a receiver of a leader's writes remembers: of two leaders the one that was elected later counts. */
export class TermGate {
  #highest = 0;

  /** @returns false for what a former leader sends, which must change nothing. */
  admits(term: number): boolean {
    if (term < this.#highest) return false;
    this.#highest = term;
    return true;
  }
}
