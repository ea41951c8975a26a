import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";

/** What is read ahead of the endpoint: one socket read. Source: Node's read size. */
const READ_AHEAD_BYTES = 64 * 1024;

/** Hears when an upload begins and ends; each once. */
export interface UploadListener {
  /** The first bytes are wanted. */
  uploadStarted(): void;
  /** The client sent everything. */
  uploadEnded(): void;
}

/**
 * A request body on its way to an endpoint. Not the client's own stream, because an attempt that
 * fails destroys its body, and the client's stream must outlive the attempt. Nothing is taken
 * from the client before the endpoint is connected and asks for it.
 */
export class UploadBody extends Readable {
  /** Whether anything was asked for: from then on the body cannot be sent again. */
  isConsumed = false;
  readonly #source: IncomingMessage;
  readonly #listener: UploadListener;

  constructor(source: IncomingMessage, listener: UploadListener) {
    super({ highWaterMark: READ_AHEAD_BYTES });
    this.#source = source;
    this.#listener = listener;
  }

  /** Whether bytes wait for the endpoint, not the endpoint for bytes. */
  get isHeldBack(): boolean {
    return this.readableLength > 0;
  }

  override _read(): void {
    if (!this.isConsumed) this.#start();
    this.#source.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#source.off("data", this.#onData).off("end", this.#onEnd);
    callback(error);
  }

  #start(): void {
    this.isConsumed = true;
    this.#listener.uploadStarted();
    this.#source.on("data", this.#onData).on("end", this.#onEnd);
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.push(chunk)) this.#source.pause();
  };

  readonly #onEnd = (): void => {
    this.push(null);
    this.#listener.uploadEnded();
  };
}
