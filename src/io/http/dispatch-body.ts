import { FormData } from "undici";

/**
 * The body of a program's request: nothing, bytes that can be sent again, or a stream that can be
 * read once. A stream is not touched before an endpoint is connected and asks for it, so that a
 * failed connect loses nothing.
 */
export class ProgramBody {
  /** What the program's own stream threw; `undefined` when it did not. */
  fault: Error | undefined;
  readonly #body: unknown;
  readonly #isOnce: boolean;
  #isConsumed = false;

  constructor(body: unknown) {
    this.#body = body;
    this.#isOnce = isReadOnce(body);
  }

  get canReplay(): boolean {
    return !this.#isConsumed;
  }

  /** Whether bytes come from a stream whose pace is the program's. */
  get isStream(): boolean {
    return this.#isOnce;
  }

  /** The body as undici takes it, for one attempt. */
  forAttempt(): unknown {
    return this.#isOnce ? this.#read() : this.#body;
  }

  /** For a request that failed before anybody read its stream: nobody will. */
  discard(): void {
    if (!this.#isOnce || this.#isConsumed) return;
    const { destroy } = this.#body as { destroy?: () => void };
    if (typeof destroy === "function") destroy.call(this.#body);
  }

  async *#read(): AsyncGenerator<unknown> {
    this.#isConsumed = true;
    try {
      yield* this.#body as AsyncIterable<unknown>;
    } catch (error) {
      this.fault = error instanceof Error ? error : new Error(String(error));
      throw this.fault;
    }
  }
}

function isReadOnce(body: unknown): boolean {
  if (typeof body !== "object" || body === null) return false;
  if (ArrayBuffer.isView(body) || body instanceof FormData) return false;
  return Symbol.asyncIterator in body || Symbol.iterator in body;
}
