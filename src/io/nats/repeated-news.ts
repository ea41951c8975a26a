/** An outage of hours must not fill a disk with its news. */
const REPEAT_AFTER_MS = 60_000;

/** Kinds of failures of some servers; beyond it all are forgotten and told once more. */
const MAX_KEPT = 64;

/** Which news were told lately: with three servers gone, each attempt has other words than the last. */
export class RepeatedNews {
  readonly #toldAtMs = new Map<string, number>();

  /** True when this is to be told now. */
  isDue(message: string, nowMs: number): boolean {
    const toldAtMs = this.#toldAtMs.get(message);
    if (toldAtMs !== undefined && nowMs - toldAtMs < REPEAT_AFTER_MS) return false;
    if (this.#toldAtMs.size >= MAX_KEPT) this.#toldAtMs.clear();
    this.#toldAtMs.set(message, nowMs);
    return true;
  }

  /** All is well: what comes next is news. */
  forget(): void {
    this.#toldAtMs.clear();
  }
}
