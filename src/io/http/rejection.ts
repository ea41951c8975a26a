import { STATUS_CODES } from "node:http";
import type { ReasonFlag } from "../../ports/exchange.ts";

/** What the proxy answers in its own name: a sentence for people, a flag for programs. */

/** Longest sentence: parts of it come from the client. */
const MAX_MESSAGE_LENGTH = 1_000;

/** Why there is no response from a service. */
export const REASON_HEADER = "x-weir-reason";

/** The body: one line of text. */
export function rejectionBody(message: string): Buffer {
  return Buffer.from(`${message.slice(0, MAX_MESSAGE_LENGTH)}\n`);
}

/** Name, value, name, value. */
export function rejectionHeaders(reason: ReasonFlag, body: Buffer): string[] {
  return [
    "content-type",
    "text/plain; charset=utf-8",
    // The text may quote the request: no browser shall see a page in it.
    "x-content-type-options",
    "nosniff",
    "cache-control",
    "no-store",
    REASON_HEADER,
    reason,
    "content-length",
    String(body.length),
  ];
}

/** A whole response for a socket that no parser serves any more; the connection ends with it. */
export function rawRejection(
  status: number,
  reason: ReasonFlag,
  message: string,
  more: readonly string[] = [],
): Buffer {
  const body = rejectionBody(message);
  const head = rawHead(status, STATUS_CODES[status] ?? "", [
    ...rejectionHeaders(reason, body),
    ...more,
    "connection",
    "close",
  ]);
  return Buffer.concat([Buffer.from(head, "latin1"), body]);
}

/** Status line and headers as text, with the empty line. */
export function rawHead(status: number, statusText: string, headers: readonly string[]): string {
  let head = `HTTP/1.1 ${status} ${statusText}\r\n`;
  for (let i = 0; i + 1 < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return `${head}\r\n`;
}
