/**
 * A failure that its receiver can act on. Each code is an `ErrorInfo.reason` on the wire;
 * `io/grpc/status.ts` maps each to exactly one gRPC status.
 */
export type MeshErrorCode =
  | "INVALID_ARGUMENT"
  | "SERVICE_NOT_FOUND"
  | "INSTANCE_NOT_FOUND"
  | "LEASE_NOT_FOUND"
  /** The service has no policy, or the policy no such revision. */
  | "POLICY_NOT_FOUND"
  /** What the caller has read was changed since. */
  | "ETAG_MISMATCH"
  | "SUPERSEDED"
  | "LIMIT_REACHED"
  | "PERMISSION_DENIED"
  | "UNAUTHENTICATED"
  | "DRAINING"
  /** A replica has not heard everything of its peers yet: it cannot say that something does not exist. */
  | "NOT_SYNCED"
  | "PROTOCOL_VIOLATION"
  | "SLOW_WATCHER"
  | "STORAGE_FAILED"
  /** The peer does not know the call: it is older. Seen by clients only. */
  | "UNIMPLEMENTED"
  /** Nobody answers at an address: refused, no route, no such name. Seen by clients only. */
  | "UNREACHABLE"
  /** An answer did not come in time. */
  | "TIMEOUT"
  /** A port is in use, or an address is not this machine's. */
  | "LISTEN_FAILED"
  /** No endpoint of the service can take a request. Seen by clients of the library only, as the next three. */
  | "NO_ENDPOINT"
  /** An endpoint could not be reached, or broke off. */
  | "ENDPOINT_FAILED"
  /** This process keeps an instance of that id already. */
  | "ALREADY_REGISTERED"
  /** The mesh was closed. */
  | "CLOSED"
  | "INTERNAL";

/** One bad field of a request: its path, and what is wrong with it. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

export interface MeshErrorDetail {
  readonly violations?: readonly FieldViolation[];
  /** Subject and limit of a quota that was reached. */
  readonly quota?: { readonly subject: string; readonly description: string };
  /** When trying again makes sense. */
  readonly retryAfterMs?: number;
  /** For programs: becomes `ErrorInfo.metadata`. */
  readonly info?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** `code` is for programs, `message` for people: what happened, why, what to do. */
export class MeshError extends Error {
  override readonly name = "MeshError";
  readonly code: MeshErrorCode;
  readonly detail: MeshErrorDetail;

  constructor(code: MeshErrorCode, message: string, detail: MeshErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    this.detail = detail;
  }
}
