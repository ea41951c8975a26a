/**
 * The headers of an endpoint's response as the client gets them, without those for the hop
 * between the proxy and the endpoint. Source: RFC 9110, 7.6.1.
 */

/** As undici parses them: names in lower case, repeated ones as a list. */
export interface ParsedHeaders {
  readonly connection?: string | string[];
  readonly "content-length"?: string | string[];
  readonly [name: string]: string | string[] | undefined;
}

/** Length of a response whose head does not say it. */
export const UNKNOWN_LENGTH = -1;

/** @returns name, value, name, value: what `writeHead` takes without another copy. */
export function relayedHeaders(status: number, parsed: ParsedHeaders): string[] {
  const headers: string[] = [];
  const named = namedByConnection(parsed.connection);
  for (const name in parsed) {
    if (isHopByHop(name) || (named !== "" && isNamed(named, name))) continue;
    // A 204 has no length. Source: RFC 9110, 8.6.
    if (status === 204 && name === "content-length") continue;
    add(headers, name, parsed[name]);
  }
  return headers;
}

export function lengthOf(parsed: ParsedHeaders): number {
  const length = parsed["content-length"];
  return typeof length === "string" ? Number(length) : UNKNOWN_LENGTH;
}

function isHopByHop(name: string): boolean {
  switch (name) {
    case "connection":
    case "keep-alive":
    case "te":
    case "trailer":
    case "transfer-encoding":
    case "upgrade":
      return true;
    default:
      return name.startsWith("proxy-");
  }
}

function isNamed(connection: string, name: string): boolean {
  return connection.split(",").some((token) => token.trim() === name);
}

function add(headers: string[], name: string, value: string | string[] | undefined): void {
  if (typeof value === "string") headers.push(name, value);
  else if (value !== undefined) for (const item of value) headers.push(name, item);
}

/** The list of headers for this hop only; almost all just say whether the connection is kept. */
function namedByConnection(connection: string | string[] | undefined): string {
  if (connection === undefined) return "";
  const value = String(connection).toLowerCase();
  return value === "keep-alive" || value === "close" ? "" : value;
}
