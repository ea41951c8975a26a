import type { Agreement } from "./beat-check.ts";
import type { PullWant } from "./messages.ts";

/** How a copy keeps up with its origin, for people and metrics; counts are since the start. */
export interface CopyProgress {
  readonly agreement: Agreement;
  /** Heartbeats that named another digest at the same sequence. */
  readonly mismatchCount: number;
  /** How often something was missing. */
  readonly gapCount: number;
  readonly isPulling: boolean;
  readonly pullCounts: Readonly<Record<PullWant["kind"], number>>;
}
