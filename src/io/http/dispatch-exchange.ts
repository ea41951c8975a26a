import type { Duplex } from "node:stream";
import type { Dispatcher } from "undici";
import { MeshError } from "../../core/model/mesh-error.ts";
import type {
  AttemptEnd,
  AttemptLimits,
  AttemptListener,
  AttemptTarget,
  Exchange,
  ReasonFlag,
} from "../../ports/exchange.ts";
import { attemptFailure } from "./attempt-error.ts";
import { ProgramBody } from "./dispatch-body.ts";
import { failureOf } from "./dispatch-failure.ts";
import { withHost } from "./dispatch-headers.ts";
import type { UpstreamPools } from "./upstream-pools.ts";

/** What all exchanges of a program share. */
export interface DispatchContext {
  readonly pools: UpstreamPools;
  /** Stands for the client's address, for policies that hash: a program has none. */
  readonly identity: string;
  /** The mesh was closed and its connections are being cut: nothing is sent any more. */
  isCut: boolean;
}

type Controller = Dispatcher.DispatchController;
type Handler = Dispatcher.DispatchHandler;
type Headers = Parameters<NonNullable<Handler["onResponseStart"]>>[2];

/**
 * One request of this very process. Is itself the handler of undici's callbacks, for one attempt
 * at a time, and the controller that the program's handler holds on to from the first moment: so a
 * request can be aborted while it waits, connects, or between two attempts.
 */
export class DispatchExchange implements Exchange, Handler, Controller {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly clientAddress: string;
  readonly forwardedFor = "";
  readonly isUpgrade: boolean;
  bytesRelayed = 0;
  aborted = false;
  reason: Error | null = null;
  readonly #context: DispatchContext;
  readonly #options: Dispatcher.DispatchOptions;
  readonly #handler: Handler;
  readonly #body: ProgramBody | undefined;
  /** Present while an attempt runs. */
  #listener: AttemptListener | undefined;
  #controller: Controller | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isPaused = false;
  #wasSent = false;
  /** Of the response that the program sees; 0 before its head. */
  #status = 0;
  #bytesSent = 0;
  #bytesSeen = 0;
  #failure: Error | undefined;
  /** The program has heard the last word. */
  #isOver = false;

  constructor(
    context: DispatchContext,
    host: string,
    options: Dispatcher.DispatchOptions,
    handler: Handler,
  ) {
    const { method, path, body, upgrade } = options;
    this.method = method;
    this.host = host;
    this.path = path;
    this.clientAddress = context.identity;
    this.isUpgrade = typeof upgrade === "string";
    this.#context = context;
    this.#options = options;
    this.#handler = handler;
    this.#body = body === undefined || body === null ? undefined : new ProgramBody(body);
    handler.onRequestStart?.(this, {});
  }

  get canReplay(): boolean {
    return this.#body === undefined || this.#body.canReplay;
  }

  get paused(): boolean {
    return this.#isPaused;
  }

  get rawHeaders() {
    return this.#controller?.rawHeaders ?? null;
  }

  get rawTrailers() {
    return this.#controller?.rawTrailers ?? null;
  }

  pause(): void {
    this.#isPaused = true;
    this.#controller?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#controller?.resume();
  }

  /** By the program: it wants no answer any more. */
  abort(reason: Error): void {
    if (this.#isOver) return;
    this.aborted = true;
    this.reason = reason;
    this.#end("client-gone", this.#status, "the program aborted the request");
    this.#controller?.abort(reason);
    this.#fail(reason);
  }

  attempt(
    target: AttemptTarget,
    limits: AttemptLimits,
    path: string,
    timeoutMs: number,
    listener: AttemptListener,
  ): void {
    if (this.#context.isCut) this.#fail(cutError(this.host, undefined));
    if (this.#isOver) {
      listener.attemptEnded("client-gone", 0, "");
      return;
    }
    this.#listener = listener;
    this.#controller = undefined;
    this.#wasSent = false;
    const { headersTimeout, bodyTimeout } = this.#options;
    const allowedMs = headersTimeout ? Math.min(timeoutMs, headersTimeout) : timeoutMs;
    this.#timer = setTimeout(onDeadline, allowedMs, this);
    const options = {
      ...this.#options,
      path,
      headers: withHost(this.#options.headers, this.host),
      body: this.#body?.forAttempt() as null,
      // The exchange limits the time to the head: it also counts connecting and queueing.
      headersTimeout: 0,
      bodyTimeout: bodyTimeout ?? limits.idleTimeoutMs,
    };
    this.#context.pools.poolFor(target, limits).dispatch(options, this);
  }

  reject(_status: number, reason: ReasonFlag, message: string): void {
    this.#body?.discard();
    this.#fail(failureOf(reason, message, this.#failure));
  }

  /** The time for the response's head is over, unless an upload is still on its way. */
  deadlinePassed(): void {
    if (this.#body?.isStream === true && this.#bytesSent !== this.#bytesSeen) {
      this.#bytesSeen = this.#bytesSent;
      this.#timer?.refresh();
      return;
    }
    this.#end("timed-out", 0, this.#wasSent ? "no response in time" : "no free connection");
    this.#controller?.abort(ATTEMPT_OVER);
  }

  onRequestStart(controller: Controller): void {
    if (this.#listener === undefined) {
      controller.abort(ATTEMPT_OVER);
      return;
    }
    this.#controller = controller;
    this.#wasSent = true;
    if (this.#isPaused) controller.pause();
  }

  onBodySent(chunk: Buffer): void {
    this.#bytesSent += chunk.length;
    this.#handler.onBodySent?.(chunk);
  }

  onRequestSent(): void {
    if (this.#listener !== undefined) this.#timer?.refresh();
    this.#handler.onRequestSent?.();
  }

  onResponseStarted(): void {
    this.#handler.onResponseStarted?.();
  }

  onResponseStart(_inner: Controller, status: number, headers: Headers, text?: string): void {
    if (this.#listener === undefined) return;
    if (status >= 200) {
      this.#status = status;
      this.#stopTimer();
    }
    this.#handler.onResponseStart?.(this, status, headers, text);
  }

  onResponseData(_inner: Controller, chunk: Buffer): void {
    if (this.#listener === undefined) return;
    this.bytesRelayed += chunk.length;
    this.#handler.onResponseData?.(this, chunk);
  }

  onResponseEnd(_inner: Controller, trailers: Headers): void {
    if (this.#listener === undefined) return;
    this.#end("responded", this.#status, "");
    this.#isOver = true;
    this.#handler.onResponseEnd?.(this, trailers);
  }

  /** Another protocol from here: the request lasts as long as its connection. */
  onRequestUpgrade(_inner: Controller, status: number, headers: Headers, socket: Duplex): void {
    if (this.#listener === undefined) {
      socket.destroy();
      return;
    }
    this.#status = status;
    this.#stopTimer();
    this.#isOver = true;
    socket.once("close", () => this.#end("responded", status, ""));
    this.#handler.onRequestUpgrade?.(this, status, headers, socket);
  }

  onResponseError(_inner: Controller | null, error: Error): void {
    if (this.#listener === undefined) return;
    const own = this.#context.isCut ? cutError(this.host, error) : faultOf(error, this.#body);
    if (own !== undefined) {
      this.#end("client-gone", this.#status, own.message);
      this.#fail(own);
      return;
    }
    this.#failure = error;
    const { end, detail } = attemptFailure(error, this.#wasSent, this.#status > 0);
    this.#end(end, this.#status, detail);
    // Its body breaks off: nobody else will say so.
    if (this.#status > 0) this.#fail(failureOf("UR", truncated(this.host, detail), error));
  }

  #end(end: AttemptEnd, status: number, detail: string): void {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#stopTimer();
    listener?.attemptEnded(end, status, detail);
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#handler.onResponseError?.(this, error);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    // Refreshing it would start it again.
    this.#timer = undefined;
  }
}

/** One for all: nobody reads its stack, and making one costs microseconds. */
const ATTEMPT_OVER = new Error("the attempt is over");

/** Not a closure, so that a request costs one timer and nothing else. */
function onDeadline(exchange: DispatchExchange): void {
  exchange.deadlinePassed();
}

/** A request that no endpoint could take, or whose body its own program broke: not the endpoint's failure. */
function faultOf(error: Error, body: ProgramBody | undefined): Error | undefined {
  if (body?.fault !== undefined) return body.fault;
  return "code" in error && error.code === "UND_ERR_INVALID_ARG" ? error : undefined;
}

function cutError(host: string, cause: Error | undefined): MeshError {
  const message = `the request to ${host} was cut: the mesh was closed and did not wait longer for it; give close() more time`;
  return new MeshError("CLOSED", message, cause && { cause });
}

function truncated(host: string, detail: string): string {
  return `the response of ${host} broke off: ${detail}. What came is not the whole; the request may have been carried out.`;
}
