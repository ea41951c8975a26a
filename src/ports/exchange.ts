import type { Address } from "../core/model/instance.ts";

/**
 * Between the listener, which speaks HTTP, and the request path, which decides. Callbacks on
 * long-lived objects instead of promises: this sits in every request.
 */

/** One endpoint to send to. */
export interface AttemptTarget {
  readonly address: Address;
  readonly port: number;
  /** Connections are pooled by it: one process of one endpoint. */
  readonly key: string;
}

/** What a service's settings say about sending. */
export interface AttemptLimits {
  readonly connectTimeoutMs: number;
  /** Longest silence while a body flows. */
  readonly idleTimeoutMs: number;
  readonly maxConnectionsPerEndpoint: number;
}

/**
 * How an attempt ended:
 * - `responded`: the whole response was relayed.
 * - `connect-failed`: nothing was sent; any request may go elsewhere.
 * - `reset`: sent, and cut before a response was relayed; an idempotent request may go elsewhere.
 * - `timed-out`: the endpoint took longer than allowed; no response was relayed.
 * - `protocol-error`: what came back is not HTTP; no response was relayed.
 * - `truncated`: cut while the response was being relayed; the client saw it break.
 * - `client-gone`: the client left.
 * - `client-slow`: the client did not send its body in time.
 */
export type AttemptEnd =
  | "responded"
  | "connect-failed"
  | "reset"
  | "timed-out"
  | "protocol-error"
  | "truncated"
  | "client-gone"
  | "client-slow";

/** Hears how an attempt ended: exactly once for each. */
export interface AttemptListener {
  /**
   * @param status of the response; 0 without one.
   * @param detail what went wrong, in words; `""` when nothing did.
   */
  attemptEnded(end: AttemptEnd, status: number, detail: string): void;
}

/** Why a request got no response from a service, as in access logs and `x-weir-reason`. */
export type ReasonFlag =
  /** No route, or the service is not known. */
  | "NR"
  /** No endpoint that can take requests. */
  | "UH"
  /** No connection to an endpoint. */
  | "UF"
  /** An endpoint cut the connection. */
  | "UR"
  /** An endpoint did not answer in time. */
  | "UT"
  /** What an endpoint sent is not HTTP. */
  | "UP"
  /** Too many requests in flight. */
  | "UO"
  /** The client left. */
  | "DC"
  /** The client did not send its request in time. */
  | "DT"
  /** The request is not acceptable. */
  | "BR";

/** One client request. Ends with a relayed response or with `reject`, never with both. */
export interface Exchange {
  readonly method: string;
  /** As the client sent it, port included; `""` when it sent none. */
  readonly host: string;
  /** Origin-form, with its query. */
  readonly path: string;
  /** The peer's IP address; `""` on a unix socket. */
  readonly clientAddress: string;
  /** The first address in X-Forwarded-For; `""` without one. Clients can write anything there. */
  readonly forwardedFor: string;
  /** WebSocket or another protocol: bytes both ways until one side closes. */
  readonly isUpgrade: boolean;
  /** Whether another attempt can still send the same body. */
  readonly canReplay: boolean;
  /** Body bytes relayed to the client so far. */
  readonly bytesRelayed: number;

  /**
   * Sends the request once. The response is relayed to the client, except when the attempt ends
   * in a way that allows another one; then the client has seen nothing yet.
   *
   * @param path what the endpoint sees.
   * @param timeoutMs until the response's head; while a body is still being uploaded, silence is
   *   limited instead.
   */
  attempt(
    target: AttemptTarget,
    limits: AttemptLimits,
    path: string,
    timeoutMs: number,
    listener: AttemptListener,
  ): void;

  /** Answers in the mesh's own name: `message` says why, and what to do. */
  reject(status: number, reason: ReasonFlag, message: string): void;
}

/** Takes each request that a listener accepted. */
export interface ExchangeHandler {
  handle(exchange: Exchange): void;
}
