import { MeshError, type MeshErrorCode } from "../../core/model/mesh-error.ts";
import type { RegisterResult } from "../../core/registry/admission.ts";

/** Why a registration may not be let in: by what it says, by who says it, or as below. */
export const REFUSALS: readonly MeshErrorCode[] = [
  "INVALID_ARGUMENT",
  "PERMISSION_DENIED",
  "SUPERSEDED",
  "LEASE_NOT_FOUND",
  "LIMIT_REACHED",
  "DRAINING",
];

/** To everybody who comes while this replica goes. */
export function drainingError(): MeshError {
  return new MeshError("DRAINING", "this replica is shutting down; use another one, or try again", {
    retryAfterMs: 1_000,
  });
}

/** What somebody is told who is not let in. */
export function refusalError(result: Exclude<RegisterResult, { kind: "registered" }>): MeshError {
  if (result.kind === "superseded") return new MeshError("SUPERSEDED", result.message);
  if (result.kind === "stale-generation") {
    const info = { generationAtLeast: String(result.atLeast) };
    return new MeshError("LEASE_NOT_FOUND", result.message, { info });
  }
  return new MeshError("LIMIT_REACHED", result.message, {
    quota: { subject: result.subject, description: result.message },
    retryAfterMs: 5_000,
  });
}
