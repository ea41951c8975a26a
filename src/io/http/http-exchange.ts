import type { IncomingMessage, ServerResponse } from "node:http";
import type { Dispatcher } from "undici";
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
import { rejectionBody, rejectionHeaders } from "./rejection.ts";
import { RequestBody } from "./request-body.ts";
import type { RequestHead } from "./request-head.ts";
import { ResponseRelay } from "./response-relay.ts";

/**
 * One request from a client and its response. Is itself the handler of undici's callbacks: one
 * attempt runs at a time, and each ends before the next begins, or is the last.
 */
export class HttpExchange implements Exchange, Dispatcher.DispatchHandler {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly clientAddress: string;
  readonly forwardedFor: string;
  readonly isUpgrade = false;
  readonly #context: ProxyContext;
  readonly #headers: string[];
  readonly #response: ServerResponse;
  readonly #body: RequestBody;
  readonly #relay: ResponseRelay;
  /** Present while an attempt runs. */
  #listener: AttemptListener | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #wasSent = false;
  #isClientGone = false;

  constructor(
    context: ProxyContext,
    request: IncomingMessage,
    response: ServerResponse,
    head: RequestHead,
    host: string,
    path: string,
  ) {
    this.#context = context;
    this.#response = response;
    this.method = request.method ?? "GET";
    this.host = host;
    this.path = path;
    this.clientAddress = request.socket.remoteAddress ?? "";
    this.forwardedFor = head.forwardedFor;
    head.seal(host, this.clientAddress, context.random, context.scheme);
    this.#headers = head.headers;
    this.#body = new RequestBody(request, response, head, this);
    this.#relay = new ResponseRelay(context, response, this.method);
  }

  get canReplay(): boolean {
    return this.#body.canReplay;
  }

  get bytesRelayed(): number {
    return this.#relay.bytesRelayed;
  }

  attempt(
    target: AttemptTarget,
    limits: AttemptLimits,
    path: string,
    timeoutMs: number,
    listener: AttemptListener,
  ): void {
    if (this.#isClientGone) {
      listener.attemptEnded("client-gone", 0, "");
      return;
    }
    this.#listener = listener;
    this.#controller = undefined;
    this.#wasSent = false;
    this.#relay.reset();
    this.#timer = setTimeout(onDeadline, timeoutMs, this);
    if (this.#body.isReady) this.#dispatch(target, limits, path);
    else this.#body.collect(() => this.#dispatch(target, limits, path));
  }

  reject(status: number, reason: ReasonFlag, message: string): void {
    const response = this.#response;
    if (response.headersSent || response.destroyed) return;
    if (this.#context.isStopping || this.#body.isHeldByClient) response.shouldKeepAlive = false;
    const body = rejectionBody(message);
    response.writeHead(status, rejectionHeaders(reason, body));
    response.end(body);
    this.#body.discard();
  }

  /** The client's connection closed, or its response was finished. */
  responseClosed(): void {
    if (this.#response.writableFinished) return;
    this.#isClientGone = true;
    if (this.#listener === undefined) return;
    this.#end("client-gone", 0, "the client closed the connection");
    this.#abort();
  }

  /** The time for the response's head is over, or more of the upload has to be awaited. */
  deadlinePassed(): void {
    if (this.#body.isAdvancing()) {
      this.#timer?.refresh();
      return;
    }
    const isClientSlow = this.#body.isAwaited;
    if (isClientSlow) this.#end("client-slow", 0, "the request body did not arrive in time");
    else this.#end("timed-out", 0, this.#wasSent ? "no response in time" : "no free connection");
    this.#abort();
  }

  /** The client sent all of a long body: from here the endpoint has the whole time. */
  uploadEnded(): void {
    if (this.#listener !== undefined) this.#timer?.refresh();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#listener === undefined) {
      controller.abort(ATTEMPT_OVER);
      return;
    }
    this.#controller = controller;
    this.#wasSent = true;
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (this.#listener === undefined || status < 200) return;
    this.#relay.start(controller, status, headers);
    if (this.#relay.isRelayed) this.#stopTimer();
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#listener !== undefined) this.#relay.write(chunk);
  }

  onResponseEnd(): void {
    if (this.#listener === undefined) return;
    this.#relay.end();
    this.#body.discard();
    this.#end("responded", this.#relay.status, "");
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#listener === undefined) return;
    const { isRelayed, status } = this.#relay;
    const { end, detail } = attemptFailure(error, this.#wasSent, isRelayed);
    const listener = this.#takeListener();
    // The client must see that the response broke, not take it for the whole.
    if (isRelayed) this.#response.destroy();
    listener?.attemptEnded(end, isRelayed ? status : 0, detail);
  }

  #dispatch(target: AttemptTarget, limits: AttemptLimits, path: string): void {
    if (this.#listener === undefined) return;
    const options = {
      method: this.method,
      path,
      headers: this.#headers,
      body: this.#body.forAttempt(),
      bodyTimeout: limits.idleTimeoutMs,
    };
    this.#context.pools.poolFor(target, limits).dispatch(options, this);
  }

  #end(end: AttemptEnd, status: number, detail: string): void {
    this.#takeListener()?.attemptEnded(end, status, detail);
  }

  /** From here no callback of this attempt has an effect. */
  #takeListener(): AttemptListener | undefined {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#stopTimer();
    return listener;
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    // Refreshing it would start it again.
    this.#timer = undefined;
  }

  #abort(): void {
    this.#controller?.abort(ATTEMPT_OVER);
  }
}

/** One for all: nobody reads its stack, and making one costs microseconds. */
const ATTEMPT_OVER = new Error("the attempt is over");

/** Not a closure, so that a request costs one timer and nothing else. */
function onDeadline(exchange: HttpExchange): void {
  exchange.deadlinePassed();
}
