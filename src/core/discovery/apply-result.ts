import type { Endpoint } from "../model/endpoint.ts";
import type { RejectedEndpoint } from "./update.ts";

/** What became of an update. */
export interface ApplyResult {
  /**
   * - `applied`: the set is at the update's version; acknowledge it.
   * - `collected`: a chunk of a snapshot that is not complete; acknowledge the chunk.
   * - `kept`: nothing is known yet (`pending`); acknowledge it.
   * - `out-of-step`: it does not fit what is held; subscribe again with the resume token.
   */
  readonly outcome: "applied" | "collected" | "kept" | "out-of-step";
  /** True when `endpoints()` changed. */
  readonly changed: boolean;
  /** True when something was drained or removed: acknowledge at once. */
  readonly urgent: boolean;
  readonly rejected: readonly RejectedEndpoint[];
  /** True from the second mismatch in a row: subscribe again without a resume token. */
  readonly digestMismatch: boolean;
  /** True while endpoints are held that an unsettled server did not list. */
  readonly held: boolean;
  /** Draining endpoints that this update spoke of, also unusable ones: report what is in flight to them. */
  readonly draining: readonly Endpoint[];
}
