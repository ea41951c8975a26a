import type { Random } from "../../core/model/random.ts";
import { isTraceparent, newTraceparent } from "./traceparent.ts";

/**
 * A request's head in one pass over its raw headers: what the proxy must know of it, and the
 * headers that the endpoint gets. Hop-by-hop headers end here. Source: RFC 9110, 7.6.1.
 */
export class RequestHead {
  /** For the endpoint: name, value, name, value; without Host, lengths and what `seal` adds. */
  readonly headers: string[] = [];
  host = "";
  /** -1 without Content-Length. */
  contentLength = -1;
  isChunked = false;
  upgrade = "";
  expectsContinue = false;
  /** X-Forwarded-For as it came, joined when repeated. */
  forwardedFor = "";
  /** What is wrong with a request that must be refused; `""` when nothing is. */
  fault = "";
  #hostCount = 0;
  #connection = "";
  #hasForwardedHost = false;
  #hasForwardedProto = false;
  #traceparent = "";
  #tracestate = "";

  constructor(rawHeaders: readonly string[]) {
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      this.#read(rawHeaders[i] ?? "", rawHeaders[i + 1] ?? "");
    }
    if (this.#hostCount > 1) this.fault = "more than one Host header";
    if (this.#connection !== "") this.#dropNamed(this.#connection);
  }

  /**
   * Adds what tells the endpoint where the request came from.
   *
   * @param host becomes Host; not sent when empty.
   * @param scheme what the client spoke to this proxy.
   */
  seal(host: string, clientAddress: string, random: Random, scheme: "http" | "https"): void {
    const { headers } = this;
    if (host !== "") headers.push("host", host);
    if (clientAddress !== "" || this.forwardedFor !== "") {
      headers.push("x-forwarded-for", joined(this.forwardedFor, clientAddress));
    }
    if (!this.#hasForwardedProto) headers.push("x-forwarded-proto", scheme);
    if (!this.#hasForwardedHost && host !== "") headers.push("x-forwarded-host", host);
    if (isTraceparent(this.#traceparent)) {
      headers.push("traceparent", this.#traceparent);
      // Without a valid parent its state means nothing.
      if (this.#tracestate !== "") headers.push("tracestate", this.#tracestate);
    } else {
      headers.push("traceparent", newTraceparent(random));
    }
  }

  #read(name: string, value: string): void {
    const lower = name.toLowerCase();
    switch (lower) {
      case "host":
        this.host = value;
        this.#hostCount += 1;
        return;
      case "content-length":
        // Doubled or malformed ones never get here: the parser refuses them.
        this.contentLength = Number(value);
        return;
      case "transfer-encoding":
        this.isChunked = true;
        return;
      case "connection":
        this.#connection = joined(this.#connection, value);
        return;
      case "upgrade":
        this.upgrade = value;
        return;
      case "expect":
        this.expectsContinue = value.toLowerCase() === "100-continue";
        return;
      case "keep-alive":
      case "te":
      case "trailer":
        return;
      default:
        this.#readForwarded(lower, name, value);
    }
  }

  #readForwarded(lower: string, name: string, value: string): void {
    switch (lower) {
      case "x-forwarded-for":
        this.forwardedFor = joined(this.forwardedFor, value);
        return;
      case "traceparent":
        // Two parents are none: the second one makes the text invalid.
        this.#traceparent += value;
        return;
      case "tracestate":
        this.#tracestate = joined(this.#tracestate, value);
        return;
      case "x-forwarded-host":
        this.#hasForwardedHost = true;
        break;
      case "x-forwarded-proto":
        this.#hasForwardedProto = true;
        break;
      default:
        if (lower.startsWith("proxy-")) return;
    }
    this.headers.push(name, value);
  }

  /** Removes the headers that Connection declares to be for this hop only. */
  #dropNamed(connection: string): void {
    const value = connection.toLowerCase();
    if (value === "keep-alive" || value === "close") return;
    for (const token of value.split(",")) {
      const name = token.trim();
      if (name === "" || name === "keep-alive" || name === "close" || name === "upgrade") continue;
      for (let i = this.headers.length - 2; i >= 0; i -= 2) {
        if (this.headers[i]?.toLowerCase() === name) this.headers.splice(i, 2);
      }
    }
  }
}

function joined(list: string, item: string): string {
  if (list === "") return item;
  return item === "" ? list : `${list}, ${item}`;
}
