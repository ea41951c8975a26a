import type { AttemptEnd } from "../../ports/exchange.ts";

/** What went wrong between the proxy and an endpoint, in the words of the request path. */
export interface AttemptFailure {
  readonly end: AttemptEnd;
  readonly detail: string;
}

/**
 * @param wasSent whether any byte of the request may have left.
 * @param wasRelayed whether the client has seen a part of the response.
 */
export function attemptFailure(
  error: unknown,
  wasSent: boolean,
  wasRelayed: boolean,
): AttemptFailure {
  const { code, message } = describe(error);
  const detail = code === "" ? message : `${message} (${code})`;
  if (wasRelayed) return { end: "truncated", detail };
  if (!wasSent && !isOurRefusal(code)) return { end: "connect-failed", detail };
  switch (code) {
    case "UND_ERR_HEADERS_TIMEOUT":
    case "UND_ERR_BODY_TIMEOUT":
      return { end: "timed-out", detail };
    case "UND_ERR_HEADERS_OVERFLOW":
    case "UND_ERR_INVALID_ARG":
    case "UND_ERR_NOT_SUPPORTED":
    case "ERR_INVALID_CHAR":
    case "ERR_HTTP_INVALID_STATUS_CODE":
      return { end: "protocol-error", detail };
    default:
      return { end: isParserError(error, code) ? "protocol-error" : "reset", detail };
  }
}

/** The client library will not send such a request to anybody. */
function isOurRefusal(code: string): boolean {
  return code === "UND_ERR_INVALID_ARG" || code === "UND_ERR_NOT_SUPPORTED";
}

/** Node's parser tells by its code, undici's by its name: its code may be missing. */
function isParserError(error: unknown, code: string): boolean {
  return code.startsWith("HPE_") || (error instanceof Error && error.name === "HTTPParserError");
}

function describe(error: unknown): { code: string; message: string } {
  if (!(error instanceof Error)) return { code: "", message: String(error) };
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  // Several addresses of a name failed, each with a reason; the first one speaks for all.
  const first = error instanceof AggregateError ? error.errors[0] : undefined;
  const message = first instanceof Error ? first.message : error.message;
  return { code, message: message === "" ? error.name : message };
}
