import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type {
  AttemptEnd,
  AttemptLimits,
  AttemptListener,
  AttemptTarget,
  Exchange,
  ReasonFlag,
} from "../../ports/exchange.ts";
import { attemptFailure } from "./attempt-error.ts";
import type { ProxyContext } from "./proxy-context.ts";
import { rawHead, rawRejection } from "./rejection.ts";
import type { RequestHead } from "./request-head.ts";

/**
 * A request for another protocol, such as WebSocket. After the endpoint agreed, bytes are
 * relayed both ways until one side closes. An endpoint that declines is heard through a parser
 * and the connection ends with its response: relayed raw, the client's next request would
 * reach the endpoint past all routing.
 */
export class UpgradeExchange implements Exchange {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly clientAddress: string;
  readonly forwardedFor: string;
  readonly isUpgrade = true;
  /** Nothing was read from the client but the head. */
  readonly canReplay = true;
  bytesRelayed = 0;
  readonly #headers: string[];
  readonly #client: Socket;
  /** What the client sent behind the head, ahead of the answer. */
  readonly #early: Buffer;
  #listener: AttemptListener | undefined;
  #request: ClientRequest | undefined;
  #connectTimer: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #wasSent = false;
  /** Of the endpoint's answer; 0 before it came. */
  #status = 0;

  constructor(
    context: ProxyContext,
    request: IncomingMessage,
    client: Socket,
    early: Buffer,
    head: RequestHead,
    host: string,
    path: string,
  ) {
    this.#client = client;
    this.#early = early;
    this.method = request.method ?? "GET";
    this.host = host;
    this.path = path;
    this.clientAddress = client.remoteAddress ?? "";
    this.forwardedFor = head.forwardedFor;
    head.seal(host, this.clientAddress, context.random, context.scheme);
    this.#headers = [...head.headers, "connection", "Upgrade", "upgrade", head.upgrade];
    client.on("close", () => this.#clientClosed());
  }

  attempt(
    target: AttemptTarget,
    limits: AttemptLimits,
    path: string,
    timeoutMs: number,
    listener: AttemptListener,
  ): void {
    if (this.#client.destroyed) {
      listener.attemptEnded("client-gone", 0, "");
      return;
    }
    this.#listener = listener;
    this.#wasSent = false;
    const { address, port } = target;
    const request = httpRequest({
      ...(address.kind === "unix" ? { socketPath: address.value } : { host: address.value, port }),
      agent: false,
      method: this.method,
      path,
      headers: this.#headers,
    });
    this.#request = request;
    this.#timer = setTimeout(() => this.#deadlinePassed(), timeoutMs);
    this.#connectTimer = setTimeout(
      () => request.destroy(new Error(`no connection within ${limits.connectTimeoutMs} ms`)),
      limits.connectTimeoutMs,
    );
    request.on("socket", (socket) => socket.once("connect", () => this.#connected()));
    request.on("upgrade", (response, upstream, early) => {
      this.#agreed(response, upstream, early, limits.idleTimeoutMs);
    });
    request.on("response", (response) => this.#declined(response));
    request.on("error", (error) => this.#failed(error));
    request.end();
  }

  reject(status: number, reason: ReasonFlag, message: string): void {
    this.#client.end(rawRejection(status, reason, message));
  }

  #connected(): void {
    this.#wasSent = true;
    clearTimeout(this.#connectTimer);
  }

  #agreed(response: IncomingMessage, upstream: Duplex, early: Buffer, idleMs: number): void {
    this.#stopTimers();
    this.#status = 101;
    const client = this.#client;
    client.write(rawHead(101, response.statusMessage ?? "", response.rawHeaders), "latin1");
    if (early.length > 0) client.write(early);
    if (this.#early.length > 0) upstream.write(this.#early);
    upstream.on("data", (chunk: Buffer) => {
      this.bytesRelayed += chunk.length;
    });
    upstream.on("error", () => client.destroy());
    upstream.on("close", () => {
      client.destroySoon();
      this.#end("responded", 101, "");
    });
    client.on("close", () => upstream.destroy());
    client.setTimeout(idleMs, () => client.destroy());
    upstream.pipe(client);
    client.pipe(upstream);
  }

  #declined(response: IncomingMessage): void {
    this.#stopTimers();
    const status = response.statusCode ?? 502;
    this.#status = status;
    const headers = withoutConnection(response.rawHeaders);
    this.#client.write(rawHead(status, response.statusMessage ?? "", headers), "latin1");
    response.on("data", (chunk: Buffer) => {
      this.bytesRelayed += chunk.length;
    });
    response.pipe(this.#client);
    response.on("error", () => this.#client.destroy());
    response.on("close", () => {
      if (response.complete) this.#end("responded", status, "");
      else this.#end("truncated", status, "the response broke off");
    });
  }

  #failed(error: Error): void {
    const { end, detail } = attemptFailure(error, this.#wasSent, false);
    this.#end(end, 0, detail);
  }

  #deadlinePassed(): void {
    this.#end("timed-out", 0, "no response in time");
    this.#request?.destroy();
  }

  #clientClosed(): void {
    if (this.#listener === undefined) return;
    // Closing is how a conversation ends; before it began, the client gave up.
    if (this.#status === 101) this.#end("responded", 101, "");
    else this.#end("client-gone", 0, "the client closed the connection");
    this.#request?.destroy();
  }

  #end(end: AttemptEnd, status: number, detail: string): void {
    this.#stopTimers();
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.attemptEnded(end, status, detail);
  }

  #stopTimers(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#connectTimer);
  }
}

/** The body's end is the connection's end: no length is needed, and no chunks. */
function withoutConnection(rawHeaders: readonly string[]): string[] {
  const headers: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? "").toLowerCase();
    if (name === "connection" || name === "keep-alive" || name === "transfer-encoding") continue;
    headers.push(rawHeaders[i] ?? "", rawHeaders[i + 1] ?? "");
  }
  headers.push("connection", "close");
  return headers;
}
