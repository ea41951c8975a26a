import type { Endpoint } from "../model/endpoint.ts";

/**
 * Time constant of the response-time average: an idle endpoint's estimate halves every
 * 6.9 s, so one bad moment is forgiven within a minute. Source: Finagle, PeakEwma.scala.
 */
export const EWMA_TAU_MS = 10_000;

/**
 * An endpoint and what this agent knows of its load. Lives as long as its (id,
 * registrationId), across updates: a new process starts clean. Mutable on purpose: the
 * request path counts here without allocating.
 */
export class EndpointLoad {
  /** The newest content; replaced when weight, state or metadata change. */
  endpoint: Endpoint;
  /** Requests picked and not ended: counted from the pick (before connect) to exactly one end. */
  inFlight = 0;
  /** Peak EWMA of response time in milliseconds, at the time it was last touched. 0 is unknown. */
  ewmaMs = 0;
  /** When `ewmaMs` was last touched. */
  ewmaAtMs = 0;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  /**
   * Takes a response time into the average. A higher one replaces it at once (peak), a lower
   * one pulls it down with `EWMA_TAU_MS`. Source: Finagle, PeakEwma.scala.
   */
  observe(responseMs: number, nowMs: number): void {
    if (responseMs > this.ewmaMs) {
      this.ewmaMs = responseMs;
    } else {
      const kept = decay(nowMs - this.ewmaAtMs);
      this.ewmaMs = responseMs * (1 - kept) + this.ewmaMs * kept;
    }
    this.ewmaAtMs = nowMs;
  }

  /** The average as it stands now: it decays towards 0 while nothing is observed. */
  decayedEwmaMs(nowMs: number): number {
    return this.ewmaMs === 0 ? 0 : this.ewmaMs * decay(nowMs - this.ewmaAtMs);
  }
}

function decay(elapsedMs: number): number {
  return elapsedMs <= 0 ? 1 : Math.exp(-elapsedMs / EWMA_TAU_MS);
}
