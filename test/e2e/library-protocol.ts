/** What the run of the library tells its client process, and what it hears. */

/** A service of each protocol. */
export const HTTP_SERVICE = "items";
export const GRPC_SERVICE = "checks";

/** Both in the same run: a program that serves HTTP and one that serves gRPC. */
export type ServiceKind = "http" | "grpc";

export type ClientCommand =
  | { readonly do: "start"; readonly requestsPerSecond: number }
  /** Only requests that may happen twice from here on: what is killed cannot be asked what it did. */
  | { readonly do: "only-idempotent" }
  | { readonly do: "names" }
  | { readonly do: "finish" };

export interface ClientReport {
  readonly requests: number;
  readonly failed: number;
  /** The first ones, in words. */
  readonly failures: readonly string[];
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** In flight after the last answer: what was never counted out. */
  readonly leftInFlight: number;
}

export type ClientAnswer =
  | { readonly is: "names"; readonly names: readonly string[] }
  | { readonly is: "report"; readonly report: ClientReport };
