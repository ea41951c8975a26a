import { MeshError, type MeshErrorCode } from "../../core/model/mesh-error.ts";

/** How `weir` ends, for scripts. Daemons end with `config` when their settings are wrong. Source: BSD sysexits. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  unreachable: 4,
  denied: 5,
  conflict: 6,
  timeout: 7,
  config: 64,
  /** 128 + 2: as a shell reports a program that Ctrl-C ended. */
  interrupted: 130,
} as const;

const CODES: Readonly<Partial<Record<MeshErrorCode, number>>> = {
  INVALID_ARGUMENT: EXIT.usage,
  SERVICE_NOT_FOUND: EXIT.notFound,
  INSTANCE_NOT_FOUND: EXIT.notFound,
  LEASE_NOT_FOUND: EXIT.notFound,
  POLICY_NOT_FOUND: EXIT.notFound,
  UNREACHABLE: EXIT.unreachable,
  // The control plane is going away or cannot write: as good as not there for now.
  DRAINING: EXIT.unreachable,
  NOT_SYNCED: EXIT.unreachable,
  PERMISSION_DENIED: EXIT.denied,
  UNAUTHENTICATED: EXIT.denied,
  ETAG_MISMATCH: EXIT.conflict,
  SUPERSEDED: EXIT.conflict,
  TIMEOUT: EXIT.timeout,
};

/** Wrong words on the command line that the parser itself could not see. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof MeshError) return CODES[error.code] ?? EXIT.failed;
  return EXIT.failed;
}
