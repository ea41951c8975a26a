import type { ServerResponse } from "node:http";
import type { Dispatcher } from "undici";
import type { ProxyContext } from "./proxy-context.ts";
import { lengthOf, type ParsedHeaders, relayedHeaders } from "./response-head.ts";

/**
 * A response up to this size is collected and written at once: it costs one write, and when it
 * breaks off the client has seen nothing, so that another endpoint can be asked.
 */
export const MAX_COLLECTED_BYTES = 16 * 1024;

/** Brings an endpoint's response to the client. */
export class ResponseRelay {
  /** Of the endpoint's response; 0 before its head came. */
  status = 0;
  bytesRelayed = 0;
  /** Whether the client was sent a part. */
  isRelayed = false;
  readonly #context: ProxyContext;
  readonly #response: ServerResponse;
  readonly #isHead: boolean;
  #controller: Dispatcher.DispatchController | undefined;
  #headers: string[] = NO_HEADERS;
  /** Of a response that is collected. */
  #body: Buffer | undefined;

  constructor(context: ProxyContext, response: ServerResponse, method: string) {
    this.#context = context;
    this.#response = response;
    this.#isHead = method === "HEAD";
  }

  /** Forgets what an earlier attempt brought. Only while nothing was relayed. */
  reset(): void {
    this.status = 0;
    this.#body = undefined;
  }

  start(controller: Dispatcher.DispatchController, status: number, headers: ParsedHeaders): void {
    this.status = status;
    this.#controller = controller;
    this.#headers = relayedHeaders(status, headers);
    if (this.#isCollected(status, lengthOf(headers))) return;
    this.#writeHead();
    // The body's first bytes mostly come in this turn; an event stream's may take minutes.
    process.nextTick(flushHead, this);
  }

  write(chunk: Buffer): void {
    if (!this.isRelayed) {
      this.#body = this.#body === undefined ? chunk : Buffer.concat([this.#body, chunk]);
      return;
    }
    this.bytesRelayed += chunk.length;
    if (this.#response.write(chunk)) return;
    this.#controller?.pause();
    this.#response.once("drain", () => this.#controller?.resume());
  }

  end(): void {
    if (this.isRelayed) {
      this.#response.end();
      return;
    }
    this.#writeHead();
    this.bytesRelayed = this.#body?.length ?? 0;
    // As text of the head's encoding, Node joins it with the head: one string, one system call.
    if (this.#body === undefined) this.#response.end();
    else this.#response.end(this.#body.toString("latin1"), "latin1");
  }

  flush(): void {
    if (this.bytesRelayed === 0 && !this.#response.writableEnded) this.#response.flushHeaders();
  }

  #isCollected(status: number, length: number): boolean {
    if (this.#isHead || status === 204 || status === 304) return true;
    return length >= 0 && length <= MAX_COLLECTED_BYTES;
  }

  #writeHead(): void {
    if (this.#context.isStopping) this.#response.shouldKeepAlive = false;
    this.#response.writeHead(this.status, this.#headers);
    this.isRelayed = true;
  }
}

const NO_HEADERS: string[] = [];

function flushHead(relay: ResponseRelay): void {
  relay.flush();
}
