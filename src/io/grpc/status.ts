import { status as Code, Metadata } from "@grpc/grpc-js";
import { MeshError, type MeshErrorCode } from "../../core/model/mesh-error.ts";
import { toWellFormed } from "../../core/model/text.ts";
import { Status } from "../../gen/google/rpc/status.ts";
import { describeError, readError } from "./error-details.ts";

/** Carries a `google.rpc.Status`. Source: grpc-go and every other gRPC implementation. */
export const DETAILS_KEY = "grpc-status-details-bin";

/** Proxies cap all headers at about 8 KiB; base64 turns 3 KiB into 4. */
const MAX_STATUS_BYTES = 3072;

/** `grpc-message` percent-encodes, which triples what is not ASCII. */
const MAX_MESSAGE_CHARACTERS = 500;

/** What a failure means to gRPC. `satisfies` makes a new code without a line here a compile error. */
const GRPC_CODES = {
  INVALID_ARGUMENT: Code.INVALID_ARGUMENT,
  SERVICE_NOT_FOUND: Code.NOT_FOUND,
  INSTANCE_NOT_FOUND: Code.NOT_FOUND,
  LEASE_NOT_FOUND: Code.NOT_FOUND,
  POLICY_NOT_FOUND: Code.NOT_FOUND,
  SUPERSEDED: Code.ABORTED,
  ETAG_MISMATCH: Code.ABORTED,
  LIMIT_REACHED: Code.RESOURCE_EXHAUSTED,
  SLOW_WATCHER: Code.RESOURCE_EXHAUSTED,
  PERMISSION_DENIED: Code.PERMISSION_DENIED,
  UNAUTHENTICATED: Code.UNAUTHENTICATED,
  DRAINING: Code.UNAVAILABLE,
  NOT_SYNCED: Code.UNAVAILABLE,
  // Another replica, or this one after somebody made room, can do what this one cannot now.
  STORAGE_FAILED: Code.UNAVAILABLE,
  PROTOCOL_VIOLATION: Code.FAILED_PRECONDITION,
  UNREACHABLE: Code.UNAVAILABLE,
  TIMEOUT: Code.DEADLINE_EXCEEDED,
  UNIMPLEMENTED: Code.UNIMPLEMENTED,
  LISTEN_FAILED: Code.UNAVAILABLE,
  NO_ENDPOINT: Code.UNAVAILABLE,
  ENDPOINT_FAILED: Code.UNAVAILABLE,
  ALREADY_REGISTERED: Code.ALREADY_EXISTS,
  CLOSED: Code.FAILED_PRECONDITION,
  INTERNAL: Code.INTERNAL,
} as const satisfies Record<MeshErrorCode, Code>;

/** What a peer says that sends no details: an older program, a proxy, or grpc-js itself. */
const WITHOUT_DETAILS: Readonly<Partial<Record<Code, MeshErrorCode>>> = {
  // A server that is forced to stop cancels its calls; our own cancellations never come here.
  [Code.CANCELLED]: "UNREACHABLE",
  [Code.UNAVAILABLE]: "UNREACHABLE",
  [Code.INVALID_ARGUMENT]: "INVALID_ARGUMENT",
  [Code.DEADLINE_EXCEEDED]: "TIMEOUT",
  [Code.RESOURCE_EXHAUSTED]: "LIMIT_REACHED",
  [Code.PERMISSION_DENIED]: "PERMISSION_DENIED",
  [Code.UNAUTHENTICATED]: "UNAUTHENTICATED",
  [Code.UNIMPLEMENTED]: "UNIMPLEMENTED",
};

/** What grpc-js's callbacks and `error` events take. */
export interface ServiceFailure {
  readonly code: Code;
  readonly details: string;
  readonly metadata: Metadata;
}

/** The gRPC code of a failure, for the per-item results of a batch. */
export function grpcCode(code: MeshErrorCode): Code {
  return GRPC_CODES[code];
}

/**
 * A failure as gRPC sends it: code, sentence, and details for programs. What is not a
 * MeshError becomes INTERNAL without its text, which might hold secrets.
 */
export function toServiceError(error: unknown): ServiceFailure {
  const known = error instanceof MeshError ? error : unexpected();
  const code = GRPC_CODES[known.code];
  const details = toWellFormed(known.message.slice(0, MAX_MESSAGE_CHARACTERS));
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, Buffer.from(statusBytes(code, details, known)));
  return { code, details, metadata };
}

function unexpected(): MeshError {
  return new MeshError("INTERNAL", "the server failed unexpectedly; its log has the cause");
}

/** Encodes as many details as fit; the first, ErrorInfo, always does. */
function statusBytes(code: Code, message: string, error: MeshError): Uint8Array {
  const details = describeError(error);
  for (let count = details.length; ; count--) {
    const bytes = Status.encode({ code, message, details: details.slice(0, count) }).finish();
    if (bytes.length <= MAX_STATUS_BYTES || count <= 1) return bytes;
  }
}

/**
 * A failed call as its client handles it: the server's own code and details when it sent
 * them, otherwise the nearest code.
 */
export function fromServiceError(error: unknown): MeshError {
  if (error instanceof MeshError) return error;
  if (!isServiceFailure(error)) {
    return new MeshError("INTERNAL", `the call failed unexpectedly: ${error}`, { cause: error });
  }
  const [bytes] = error.metadata?.get(DETAILS_KEY) ?? [];
  const described = typeof bytes === "object" ? readError(bytes) : undefined;
  if (described !== undefined && isMeshErrorCode(described.reason)) {
    return new MeshError(described.reason, error.details, described.detail);
  }
  return new MeshError(WITHOUT_DETAILS[error.code] ?? "INTERNAL", error.details, { cause: error });
}

function isMeshErrorCode(reason: string): reason is MeshErrorCode {
  return Object.hasOwn(GRPC_CODES, reason);
}

function isServiceFailure(error: unknown): error is ServiceFailure & { metadata?: Metadata } {
  if (typeof error !== "object" || error === null) return false;
  if (!("code" in error && "details" in error)) return false;
  return typeof error.code === "number" && typeof error.details === "string";
}
