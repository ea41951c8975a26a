/** What the propagate bench and its client processes tell each other. */

/** Whose way from a write to somebody who watches is measured. */
export type Way = "weir" | "bare" | "etcd";

export type WriterCommand =
  | { readonly type: "open"; readonly way: Way; readonly address: string }
  | { readonly type: "run"; readonly perSecond: number; readonly count: number };

/** What one run of a writer was like. */
export interface WriterReport {
  /** How late the last percent of the writes was sent, of which the bench's own timer is the cause. */
  readonly lateMsP99: number;
}

export type WatcherCommand =
  | { readonly type: "open"; readonly way: Way; readonly address: string }
  | { readonly type: "expect"; readonly count: number };

/** Times from the moment at which a write was due to its receipt, of all that were expected. */
export interface Latencies {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly missing: number;
}

/** Every change is of another one of so many instances, so that none takes the place of another on its way. */
export const INSTANCES = 1_000;

/** The label, or the start of the value, that carries the time: so many digits of nanoseconds. */
export const STAMP_LABEL = "sent";
export const STAMP_DIGITS = 16;
export const NO_STAMP = "0".repeat(STAMP_DIGITS);

/** Monotonic, and the same for all processes of a machine (Linux). */
export function nowNs(): number {
  return Number(process.hrtime.bigint());
}

export function stampOf(ns: number): string {
  return String(Math.round(ns)).padStart(STAMP_DIGITS, "0");
}

/** What the bare path's messages are as long as, in bytes. */
export interface Sizes {
  readonly request: number;
  readonly response: number;
  readonly delta: number;
  readonly update: number;
}

export const ETCD_PREFIX = "/weir/bench/";
