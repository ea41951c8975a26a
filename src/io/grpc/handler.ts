import {
  status as Code,
  type handleBidiStreamingCall,
  type handleUnaryCall,
  type ServerDuplexStream,
  type ServerUnaryCall,
} from "@grpc/grpc-js";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { Principal } from "../../ports/authorizer.ts";
import { principalName } from "./authenticate.ts";
import type { CountEnd } from "./finished-calls.ts";
import { toServiceError } from "./status.ts";

/**
 * Wrappers that make handlers safe. A promise that a handler leaves rejected, or a lone
 * surrogate in an error's text, would end the process: grpc-js catches neither. Here every
 * failure becomes a status, and only a MeshError's text reaches the peer.
 */

/** Told of every failure that is not a MeshError: the peer learns nothing of it, the operator must. */
export type UnexpectedError = (error: unknown, path: string) => void;

/** On stderr, unless the program has a better place. */
const warn: UnexpectedError = (error, path) => {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.emitWarning(`${path} failed unexpectedly: ${text}`);
};

/**
 * The server gives each handler a third argument, which counts how its calls ended: an interceptor
 * would cost every call some objects. Who waits no more, because of a deadline too, is CANCELLED.
 */
const uncounted: CountEnd = () => undefined;

/** What a handler knows of its caller. */
export interface CallContext {
  readonly principal: Principal;
  /** Aborts when the caller cancels, its deadline passes or its connection breaks. */
  readonly signal: AbortSignal;
}

type AnyCall =
  | ServerUnaryCall<unknown, unknown>
  | Pick<ServerDuplexStream<unknown, unknown>, "cancelled" | "getPeer" | "metadata" | "once">;

/** Looks its address up when somebody asks: that costs as much as reading a whole registration. */
class Caller implements Principal {
  readonly name: string;
  readonly #call: AnyCall;
  #peer: string | undefined;

  constructor(call: AnyCall) {
    this.name = principalName(call.metadata);
    this.#call = call;
  }

  get peer(): string {
    this.#peer ??= this.#call.getPeer();
    return this.#peer;
  }
}

/** Makes its signal when somebody asks: most handlers are done before they could be cancelled. */
class Context implements CallContext {
  readonly principal: Principal;
  readonly #call: AnyCall;
  #signal: AbortSignal | undefined;

  constructor(call: AnyCall) {
    this.#call = call;
    this.principal = new Caller(call);
  }

  get signal(): AbortSignal {
    this.#signal ??= this.#watch();
    return this.#signal;
  }

  #watch(): AbortSignal {
    const controller = new AbortController();
    if (this.#call.cancelled) controller.abort();
    else this.#call.once("cancelled", () => controller.abort());
    return controller.signal;
  }
}

/** A handler of one request and one response; it may throw or reject. */
export function unary<Request, Response>(
  handle: (request: Request, context: CallContext) => Response | Promise<Response>,
  unexpected: UnexpectedError = warn,
): handleUnaryCall<Request, Response> {
  return (call, callback, finished: CountEnd = uncounted) => {
    const fail = (error: unknown): void => {
      report(error, call.getPath(), unexpected);
      const failure = toServiceError(error);
      finished(call.cancelled ? Code.CANCELLED : failure.code);
      callback(failure);
    };
    try {
      const response = handle(call.request, new Context(call));
      if (response instanceof Promise) {
        response
          .then((value) => {
            callback(null, value);
            finished(call.cancelled ? Code.CANCELLED : Code.OK);
          })
          .catch(fail);
      } else {
        callback(null, response);
        finished(Code.OK);
      }
    } catch (error) {
      fail(error);
    }
  };
}

/** The server's end of a bidirectional stream. Everything is ignored once it ended. */
export interface OutgoingStream<Response> {
  /** False when the peer reads too slowly: send nothing more until `writable`. */
  write(message: Response): boolean;
  /** Ends the stream with OK, after what was written. */
  end(): void;
  /** Ends the stream with an error, after what was written. */
  fail(error: unknown): void;
}

/** What happens on a bidirectional stream. What it throws or rejects ends the stream. */
export interface StreamListener<Request> {
  /** Messages come in order; one does not wait for the promise of the one before. */
  message(request: Request): void | Promise<void>;
  /** The peer will send nothing more. Without this, the stream then ends with OK. */
  halfClosed?(): void;
  /** The stream takes writes again. */
  writable?(): void;
  /** Called exactly once, whoever ended the stream; never during `open`. */
  closed?(): void;
}

/** A handler of a bidirectional stream. `open` may write, end and fail at once. */
export function duplex<Request, Response>(
  open: (stream: OutgoingStream<Response>, context: CallContext) => StreamListener<Request>,
  unexpected: UnexpectedError = warn,
): handleBidiStreamingCall<Request, Response> {
  return (call, _respond?: unknown, finished: CountEnd = uncounted) => {
    const stream = new SafeStream<Request, Response>(call, unexpected, finished);
    stream.guard(() => stream.listen(open(stream, new Context(call))));
  };
}

/** Where a call keeps its stream: shared listeners instead of five closures for each idle watcher. */
const STREAM = Symbol("stream");

interface CallWithStream {
  [STREAM]: SafeStream<unknown, unknown>;
}

function onData(this: CallWithStream, request: unknown): void {
  this[STREAM].received(request);
}

function onDrain(this: CallWithStream): void {
  this[STREAM].drained();
}

/**
 * Of a stream that broke, too, what can be read ends, a tick before grpc-js says that it broke. Taken
 * for a goodbye, that would make a drain SAFE while an agent that is cut off still sends requests.
 */
function onEnd(this: CallWithStream): void {
  setImmediate(() => this[STREAM].halfClosed());
}

function onClose(this: CallWithStream): void {
  this[STREAM].broke();
}

class SafeStream<Request, Response> implements OutgoingStream<Response> {
  readonly #call: ServerDuplexStream<Request, Response>;
  readonly #unexpected: UnexpectedError;
  readonly #finished: CountEnd;
  #listener: StreamListener<Request> | undefined;
  #isOpen = true;

  constructor(
    call: ServerDuplexStream<Request, Response>,
    unexpected: UnexpectedError,
    finished: CountEnd,
  ) {
    this.#call = call;
    this.#unexpected = unexpected;
    this.#finished = finished;
    (call as unknown as CallWithStream)[STREAM] = this as SafeStream<unknown, unknown>;
    call.on("cancelled", onClose);
    call.on("close", onClose);
  }

  listen(listener: StreamListener<Request>): void {
    this.#listener = listener;
    this.#call.on("data", onData);
    this.#call.on("drain", onDrain);
    this.#call.on("end", onEnd);
  }

  received(request: Request): void {
    this.#whileOpen((listener) => listener.message(request));
  }

  drained(): void {
    this.#whileOpen((listener) => listener.writable?.());
  }

  halfClosed(): void {
    this.#whileOpen((listener) => (listener.halfClosed ? listener.halfClosed() : this.end()));
  }

  write(message: Response): boolean {
    return this.#isOpen && this.#call.write(message);
  }

  end(): void {
    if (!this.#isOpen) return;
    this.#call.end();
    this.#close(Code.OK);
  }

  fail(error: unknown): void {
    if (!this.#isOpen) return;
    report(error, this.#call.getPath(), this.#unexpected);
    const failure = toServiceError(error);
    this.#call.emit("error", failure);
    this.#close(failure.code);
  }

  /** The peer is gone, or waits no more. */
  broke(): void {
    if (this.#isOpen) this.#close(Code.CANCELLED);
  }

  /** Runs a step of the handler; its failure, now or later, ends the stream and nothing else. */
  guard(step: () => void | Promise<void>): void {
    try {
      const pending = step();
      if (pending instanceof Promise) pending.catch((error: unknown) => this.fail(error));
    } catch (error) {
      this.fail(error);
    }
  }

  #whileOpen(step: (listener: StreamListener<Request>) => void | Promise<void>): void {
    const listener = this.#listener;
    if (this.#isOpen && listener !== undefined) this.guard(() => step(listener));
  }

  /** Later, so that a listener never hears of the end inside its own call of `end`. */
  #close(code: Code): void {
    this.#isOpen = false;
    this.#finished(code);
    queueMicrotask(() => {
      try {
        this.#listener?.closed?.();
      } catch (error) {
        report(error, this.#call.getPath(), this.#unexpected);
      }
    });
  }
}

function report(error: unknown, path: string, unexpected: UnexpectedError): void {
  if (!(error instanceof MeshError)) unexpected(error, path);
}
