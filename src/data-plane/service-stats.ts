import type { EndpointLoad } from "../core/balancing/endpoint-load.ts";

/** How a request to an endpoint ended. A failure is a 5xx answer or a gateway failure. */
export type Outcome = "success" | "failure" | "cancelled";

/** Lower end of the histogram: a hop over loopback takes about that. */
const SMALLEST_BOUND_MS = 0.25;

/** Two per doubling: a quantile read from the histogram is wrong by at most 41 %. */
const BOUNDS_PER_DOUBLING = 2;

/** Reaches 46 s, beyond every sensible request timeout. */
const BOUND_COUNT = 36;

/** Upper bounds of the latency buckets in milliseconds; one more bucket takes what is slower. */
export const LATENCY_BOUNDS_MS: readonly number[] = Array.from(
  { length: BOUND_COUNT },
  (_, i) => SMALLEST_BOUND_MS * 2 ** (i / BOUNDS_PER_DOUBLING),
);

/** Latencies in fixed, log-spaced buckets: 37 counters, nothing allocated when counting. */
export class LatencyHistogram {
  /** Count per bucket, not cumulative; the last one is above every bound. */
  readonly counts = new Uint32Array(BOUND_COUNT + 1);
  count = 0;
  sumMs = 0;

  record(latencyMs: number): void {
    const index = bucketOf(latencyMs);
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    this.count += 1;
    this.sumMs += latencyMs;
  }

  /** Upper bound of the bucket that holds quantile `q` (0..1); `undefined` without samples. */
  quantileMs(q: number): number | undefined {
    if (this.count === 0) return undefined;
    const rank = Math.max(1, Math.ceil(q * this.count));
    let seen = 0;
    for (let i = 0; i < BOUND_COUNT; i++) {
      seen += this.counts[i] ?? 0;
      if (seen >= rank) return LATENCY_BOUNDS_MS[i];
    }
    return Number.POSITIVE_INFINITY;
  }
}

function bucketOf(latencyMs: number): number {
  if (latencyMs <= SMALLEST_BOUND_MS) return 0;
  const steps = Math.log2(latencyMs / SMALLEST_BOUND_MS) * BOUNDS_PER_DOUBLING;
  return Math.min(BOUND_COUNT, Math.ceil(steps));
}

/** What happened to the attempts that went to one endpoint, or to any of a service. */
export class AttemptStats {
  /** Attempts begun. In flight is `begun - succeeded - failed - cancelled`. */
  begun = 0;
  succeeded = 0;
  failed = 0;
  cancelled = 0;
  /** Of ended attempts that were not cancelled. */
  readonly latency = new LatencyHistogram();

  get inFlight(): number {
    return this.begun - this.succeeded - this.failed - this.cancelled;
  }

  begin(): void {
    this.begun += 1;
  }

  end(outcome: Outcome, latencyMs: number): void {
    if (outcome === "cancelled") {
      this.cancelled += 1;
      return;
    }
    if (outcome === "success") this.succeeded += 1;
    else this.failed += 1;
    this.latency.record(latencyMs);
  }
}

/** Counters of a service as this agent sees it. They only grow, also when endpoints leave. */
export class ServiceStats extends AttemptStats {
  /** Counted by the request path: attempts beyond a request's first. */
  retries = 0;
  /** Counted by the request path: retries that the budget refused. */
  retriesRefused = 0;
  /** Counted by the request path: requests that found no endpoint. */
  unavailable = 0;
  readonly #byEndpoint = new WeakMap<EndpointLoad, AttemptStats>();

  /** Attempts to one endpoint; forgotten with its load. */
  of(load: EndpointLoad): AttemptStats {
    const known = this.#byEndpoint.get(load);
    if (known !== undefined) return known;
    const stats = new AttemptStats();
    this.#byEndpoint.set(load, stats);
    return stats;
  }
}
