import type { Endpoint } from "../model/endpoint.ts";

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
  /** Peak EWMA of response time, and when it was last touched. 0 is unknown. */
  ewmaMs = 0;
  ewmaAtMs = 0;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }
}
