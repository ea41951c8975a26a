import { MeshError } from "../../core/model/mesh-error.ts";
import type { ChannelAccess } from "./channel-access.ts";
import { fromServiceError } from "./status.ts";

/** System errors inside grpc-js's text, in the words of a person. */
const CAUSES: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, "connection refused"],
  [/ENOTFOUND|EAI_AGAIN|Name resolution failed/, "no such host name"],
  [/EHOSTUNREACH|ENETUNREACH/, "no route to it"],
  [/ETIMEDOUT/, "the connection timed out"],
  [/Protocol error|NGHTTP2|Parse Error|ERR_HTTP2/i, "it does not speak gRPC"],
  [/ECONNRESET|EPIPE|socket hang up|Connection dropped/i, "it ended the connection"],
];

/**
 * What a failed call means to the person who made it: a server's own sentence as it is, and what
 * only the connection says with the address and a way out.
 */
export async function apiError(
  error: unknown,
  address: string,
  access: ChannelAccess,
): Promise<MeshError> {
  const known = fromServiceError(error);
  const why =
    known.code === "UNREACHABLE" ? await access.explain(address, known.message) : undefined;
  const sentence = why ?? sentenceFor(known, address);
  return sentence === undefined ? known : new MeshError(known.code, sentence, { cause: error });
}

function sentenceFor({ code, message }: MeshError, address: string): string | undefined {
  switch (code) {
    case "UNREACHABLE":
      return (
        `cannot reach the control plane at ${address} (${causeInWords(message)}); ` +
        "start one with `weir server` or name it with --server"
      );
    case "TIMEOUT":
      return (
        `the control plane at ${address} did not answer in time; ` +
        "is it overloaded, or does something else listen there?"
      );
    case "UNIMPLEMENTED":
      return `${address} speaks gRPC, but not this version of weir.v1; is it a control plane?`;
    default:
      return undefined;
  }
}

function causeInWords(message: string): string {
  return CAUSES.find(([pattern]) => pattern.test(message))?.[1] ?? message;
}
