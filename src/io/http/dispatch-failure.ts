import { MeshError, type MeshErrorCode } from "../../core/model/mesh-error.ts";
import type { ReasonFlag } from "../../ports/exchange.ts";

/** What a program is told when a request got no response. */
const CODES: Readonly<Record<ReasonFlag, MeshErrorCode>> = {
  NR: "SERVICE_NOT_FOUND",
  UH: "NO_ENDPOINT",
  UF: "ENDPOINT_FAILED",
  UR: "ENDPOINT_FAILED",
  UP: "ENDPOINT_FAILED",
  UT: "TIMEOUT",
  UO: "LIMIT_REACHED",
  DC: "INTERNAL",
  DT: "TIMEOUT",
  BR: "INVALID_ARGUMENT",
};

/**
 * A rejection as an error: the sentence that an HTTP client would read, without its status.
 * @param cause of the last attempt, as the HTTP client had it.
 */
export function failureOf(
  reason: ReasonFlag,
  message: string,
  cause: Error | undefined,
): MeshError {
  const detail = { info: { reason }, ...(cause && { cause }) };
  return new MeshError(CODES[reason], message.replace(/^\d{3}: /, ""), detail);
}
