/** Two: one that waits for a slow server does not hold up another, and a returning replica is not flooded. */
export const MAX_PULLS = 2;

/** How many pulls of one replica, of whatever origins, are under way at once. */
export class PullSlots {
  readonly #limit: number;
  #taken = 0;

  constructor(limit = MAX_PULLS) {
    this.#limit = limit;
  }

  take(): boolean {
    if (this.#taken >= this.#limit) return false;
    this.#taken++;
    return true;
  }

  release(): void {
    this.#taken--;
  }
}
