import type { IncomingMessage, ServerResponse } from "node:http";
import type { RequestHead } from "./request-head.ts";
import { UploadBody, type UploadListener } from "./upload-body.ts";

/**
 * A body up to this size is collected before it is sent, so that another attempt can send it
 * again: most POSTs of services are smaller, and 10,000 of them still fit in memory.
 */
export const MAX_REPLAYABLE_BYTES = 64 * 1024;

/** What the owner of a body hears of it. */
export interface BodyListener {
  /** The client sent everything. */
  uploadEnded(): void;
}

/** The client's request body: none, collected, or streamed. */
export class RequestBody implements UploadListener {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #listener: BodyListener;
  readonly #kind: "none" | "small" | "stream";
  #expectsContinue: boolean;
  #collected: Buffer | undefined;
  #isCollecting = false;
  #upload: UploadBody | undefined;
  #bytesSeen = -1;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    head: RequestHead,
    listener: BodyListener,
  ) {
    this.#request = request;
    this.#response = response;
    this.#listener = listener;
    this.#expectsContinue = head.expectsContinue;
    this.#kind = kindOf(head);
    // A collected body brings its own length; a chunked one has none.
    if (this.#kind === "stream" && !head.isChunked) {
      head.headers.push("content-length", String(head.contentLength));
    }
  }

  get canReplay(): boolean {
    return this.#upload?.isConsumed !== true;
  }

  /** Whether an attempt can begin at once. */
  get isReady(): boolean {
    return this.#kind !== "small" || this.#collected !== undefined;
  }

  /** Whether the client still waits for permission to send it. */
  get isHeldByClient(): boolean {
    return this.#expectsContinue;
  }

  /** Whether bytes are missing that only the client can send. */
  get isAwaited(): boolean {
    if (this.#isCollecting) return this.#collected === undefined;
    const upload = this.#upload;
    return upload?.isConsumed === true && !this.#request.complete && !upload.isHeldBack;
  }

  /** Whether a streamed upload runs and moved since the last call. */
  isAdvancing(): boolean {
    if (this.#upload?.isConsumed !== true || this.#request.complete) return false;
    const { bytesRead } = this.#request.socket;
    const hasMoved = bytesRead !== this.#bytesSeen;
    this.#bytesSeen = bytesRead;
    return hasMoved;
  }

  /** Reads a small body, then calls `ready`. */
  collect(ready: () => void): void {
    this.#isCollecting = true;
    this.uploadStarted();
    const chunks: Buffer[] = [];
    this.#request.on("data", (chunk: Buffer) => chunks.push(chunk));
    this.#request.on("end", () => {
      const [only] = chunks;
      this.#collected = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
      ready();
    });
  }

  /** The body as the HTTP client takes it. */
  forAttempt(): Buffer | UploadBody | null {
    if (this.#kind === "none") return null;
    if (this.#kind === "small") return this.#collected ?? null;
    this.#upload = new UploadBody(this.#request, this);
    return this.#upload;
  }

  /** Lets the rest of an upload pass by that nobody wants, so that the connection can go on. */
  discard(): void {
    if (this.#kind === "none" || this.#request.complete) return;
    this.#upload?.destroy();
    this.#request.resume();
  }

  uploadStarted(): void {
    if (!this.#expectsContinue) return;
    this.#expectsContinue = false;
    this.#response.writeContinue();
  }

  uploadEnded(): void {
    this.#listener.uploadEnded();
  }
}

function kindOf(head: RequestHead): "none" | "small" | "stream" {
  if (head.isChunked || head.contentLength > MAX_REPLAYABLE_BYTES) return "stream";
  return head.contentLength > 0 ? "small" : "none";
}
