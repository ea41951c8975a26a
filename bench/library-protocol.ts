/** What the bench tells a client process, and what it answers. */

/** One way of calling the same servers. */
export type Way =
  | "direct_request"
  | "weir_request"
  | "haproxy_request"
  | "direct_fetch"
  | "weir_fetch"
  | "direct_grpc"
  | "weir_grpc";

export interface Surroundings {
  readonly way: Way;
  /** `HOST:PORT` of each server of that way's protocol. */
  readonly servers: readonly string[];
  readonly controlPlane: string;
  readonly haproxy: string;
}

export type ClientCommand =
  | { readonly do: "prepare"; readonly surroundings: Surroundings }
  | { readonly do: "run"; readonly milliseconds: number };

export interface Span {
  readonly calls: number;
  readonly seconds: number;
  /** Processor time of the client's process for one call, in microseconds. */
  readonly cpuUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export type ClientAnswer =
  | { readonly is: "ready" }
  | { readonly is: "done"; readonly span: Span }
  | { readonly is: "failed"; readonly why: string };

/** Of all ways: enough that the client never waits, as a busy service has it. */
export const PARALLEL = 32;

export const HTTP_SERVICE = "items";
export const GRPC_SERVICE = "checks";
