/**
 * Limits retries to a share of requests, so that retries cannot multiply an outage.
 * Source: Finagle, RetryBudget.scala.
 */

export interface RetryBudgetOptions {
  /** Retries allowed per 100 requests of the last `ttlMs`. */
  readonly percent: number;
  /** Retries allowed each second whatever the traffic, so that a quiet service can retry too. */
  readonly minPerSecond: number;
  /** How long a request keeps counting. */
  readonly ttlMs: number;
}

/** 20 % lets one endpoint in five fail unseen, and caps the load a full outage adds at a fifth. */
export const DEFAULT_RETRY_BUDGET: RetryBudgetOptions = {
  percent: 20,
  minPerSecond: 10,
  ttlMs: 10_000,
};

/** The window slides in this many steps: an error of a tenth is good enough for a budget. */
const SLICES = 10;

/** Requests deposit, retries withdraw; what is older than `ttlMs` is forgotten. */
export class RetryBudget {
  readonly #options: RetryBudgetOptions;
  readonly #sliceMs: number;
  /** Deposits minus withdrawals by slice of time, in hundredths of a retry. */
  readonly #slices = new Float64Array(SLICES);
  #sum = 0;
  /** Number of the newest slice; negative until first used. */
  #newest = -1;

  constructor(options: RetryBudgetOptions = DEFAULT_RETRY_BUDGET) {
    this.#options = options;
    this.#sliceMs = options.ttlMs / SLICES;
  }

  /** Counts a request: its first attempt, not its retries. */
  deposit(nowMs: number): void {
    this.#add(nowMs, this.#options.percent);
  }

  /** @returns false when a retry would exceed the budget; true takes it out. */
  tryWithdraw(nowMs: number): boolean {
    if (this.balance(nowMs) < 1) return false;
    this.#add(nowMs, -100);
    return true;
  }

  /** How many retries could start now. */
  balance(nowMs: number): number {
    this.#expire(nowMs);
    const reserve = (this.#options.minPerSecond * this.#options.ttlMs) / 1_000;
    return reserve + this.#sum / 100;
  }

  #add(nowMs: number, hundredths: number): void {
    this.#expire(nowMs);
    const index = this.#newest % SLICES;
    this.#slices[index] = (this.#slices[index] ?? 0) + hundredths;
    this.#sum += hundredths;
  }

  #expire(nowMs: number): void {
    const newest = Math.floor(nowMs / this.#sliceMs);
    if (newest <= this.#newest) return;
    const stale = Math.min(SLICES, newest - this.#newest);
    for (let i = 0; i < stale; i++) {
      const index = (newest - i) % SLICES;
      this.#sum -= this.#slices[index] ?? 0;
      this.#slices[index] = 0;
    }
    this.#newest = newest;
  }
}
