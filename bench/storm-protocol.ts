/** What the storm bench and its client processes tell each other. */

import type { Digest } from "../src/core/model/digest.ts";

export const SERVICES = 300;
export const INSTANCES_PER_SERVICE = 10;
export const SERVICES_PER_WATCHER = 5;

export function serviceName(index: number): string {
  return `storm-${String(index % SERVICES).padStart(3, "0")}`;
}

/** Digests hold bigints, which do not travel between processes. */
export function digestText({ count, sum }: Digest): string {
  return `${count} ${sum}`;
}

export type StormCommand =
  /** Opens watchers `first` up to `first + count`, and waits until all have all answers. */
  | {
      readonly type: "open";
      readonly addresses: readonly string[];
      readonly first: number;
      readonly count: number;
    }
  /** Breaks every connection of this process at once. */
  | { readonly type: "break" }
  /** Waits until all watchers are back, or for so long. */
  | { readonly type: "back"; readonly timeoutMs: number }
  /** Counts lists that are not what the servers hold: digests by service. */
  | { readonly type: "compare"; readonly digests: Readonly<Record<string, string>> };

/** The first answers to a subscription, by what they were; of all streams that were opened since the break. */
export interface Answers {
  resumed: number;
  delta: number;
  snapshot: number;
  /** Of those: what the watcher held already. */
  unchangedSnapshot: number;
  absent: number;
  pending: number;
}

export interface StormReport {
  /** Monotonic, the same for all processes of a machine. */
  readonly brokenAtMs: number;
  /** When each watcher had the answers to all its subscriptions again. */
  readonly backAtMs: readonly number[];
  readonly missing: number;
  readonly answers: Answers;
  /** Connections that failed before they stood. */
  readonly failures: number;
  readonly residentBytes: number;
}

export function noAnswers(): Answers {
  return { resumed: 0, delta: 0, snapshot: 0, unchangedSnapshot: 0, absent: 0, pending: 0 };
}
