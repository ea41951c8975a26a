/** What the load generator and its parent tell each other. */

/** An agent that gets a share of the load. */
export interface LoadTarget {
  readonly name: string;
  /** `http://127.0.0.1:PORT`. */
  readonly origin: string;
}

export interface LoadOptions {
  readonly targets: readonly LoadTarget[];
  /** Requests per second in total, sent at their time whether or not earlier ones were answered. */
  readonly requestsPerSecond: number;
  /** 0..1: how many of them are POSTs with a body. */
  readonly postShare: number;
  /** 0..1: how many of them ask for `/slow`, which takes two seconds. */
  readonly slowShare: number;
  /** Of each POST. */
  readonly bodyBytes: number;
  /** The `host` header. */
  readonly host: string;
}

/**
 * - `on`: every answer counts.
 * - `restarting`: a refused connection is counted apart, because nothing was sent; anything else counts.
 * - `off`: the target gets nothing.
 */
export type TargetMode = "on" | "restarting" | "off";

export type LoadCommand =
  | { readonly type: "start"; readonly options: LoadOptions }
  | { readonly type: "mode"; readonly target: string; readonly mode: TargetMode }
  | { readonly type: "report"; readonly id: number }
  | { readonly type: "finish"; readonly id: number };

/** A request that did not get a 2xx answer with an `x-instance` header, complete and in time. */
export interface LoadFailure {
  readonly startMs: number;
  readonly endMs: number;
  readonly target: string;
  readonly method: string;
  readonly status: number;
  readonly error: string;
  readonly instance: string;
}

/** What one target was answered by one instance. Wall times in ms. */
export interface Served {
  readonly target: string;
  readonly instance: string;
  readonly count: number;
  readonly lastStartMs: number;
  readonly lastEndMs: number;
}

export interface LoadReport {
  readonly requests: number;
  readonly posts: number;
  readonly failed: number;
  readonly failedGets: number;
  readonly refusedWhileRestarting: number;
  readonly inFlight: number;
  /** How long requests were sent. */
  readonly seconds: number;
  /** Of the requests that are not slow on purpose. */
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** The first of them. */
  readonly failures: readonly LoadFailure[];
  readonly served: readonly Served[];
}

export interface LoadAnswer {
  readonly id: number;
  readonly report: LoadReport;
}
