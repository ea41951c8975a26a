/** The world's time, as the programs need it. Core code takes `nowMs` as an argument instead. */
export interface Clock {
  /** Monotonic milliseconds: never jumps back, meaningless across processes. */
  nowMs(): number;
  /** Milliseconds since 1970, for people and for order across processes; may jump. */
  wallMs(): number;
  /** Runs `task` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, task: () => void): () => void;
}
