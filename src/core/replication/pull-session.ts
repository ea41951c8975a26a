import { digestsEqual } from "../model/digest.ts";
import type { ReceivedEntry } from "./entry.ts";
import type { PullChunk, PullRequest } from "./messages.ts";

/** Chunks that may be under way at once: 4 of 256 KiB hide a round trip, and bound what a server sends. */
export const PULL_CREDIT = 4;

/** Far above a round trip with a chunk over a slow link. */
const CHUNK_TIMEOUT_MS = 2_000;
/** Then the session is given up and another server is asked. */
const MAX_ATTEMPTS = 3;
/** 16 GiB in chunks of 256 KiB: whoever says more than that sends garbage. */
const MAX_CHUNKS = 65_536;

/**
 * `more`: go on. `done`: all chunks are here. `broken`: the server contradicts itself or forgot the
 * session, begin anew. `too-old`, `other-epoch`: as the server said.
 */
export type SessionState = "more" | "done" | "broken" | "too-old" | "other-epoch";

interface Asked {
  readonly sentMs: number;
  readonly attempts: number;
}

/** The puller's side of one pull: which chunks to ask for, and those that came. */
export class PullSession {
  readonly server: string;
  readonly #request: PullRequest;
  readonly #chunks: (PullChunk | undefined)[] = [];
  readonly #asked = new Map<number, Asked>();
  #receivedCount = 0;
  #nextChunk = 0;
  #first: PullChunk | undefined;

  /** @param request of the first chunk; `server` is the replica that all chunks are asked of. */
  constructor(server: string, request: PullRequest) {
    this.server = server;
    this.#request = request;
  }

  get request(): PullRequest {
    return this.#request;
  }

  /** What to send now; the first chunk alone, because it says how many there are. */
  takeRequests(nowMs: number): PullRequest[] {
    const requests: PullRequest[] = [];
    for (const [chunk, { sentMs, attempts }] of this.#asked) {
      if (nowMs - sentMs >= CHUNK_TIMEOUT_MS) requests.push(this.#ask(chunk, attempts + 1, nowMs));
    }
    const end = this.#first?.chunkCount ?? 1;
    while (this.#nextChunk < end && this.#asked.size < PULL_CREDIT) {
      requests.push(this.#ask(this.#nextChunk++, 1, nowMs));
    }
    return requests;
  }

  /** When a chunk that did not come is asked for again. */
  get dueMs(): number {
    let due = Number.POSITIVE_INFINITY;
    for (const { sentMs } of this.#asked.values()) due = Math.min(due, sentMs + CHUNK_TIMEOUT_MS);
    return due;
  }

  /** True when a chunk did not come although it was asked for often enough. */
  isExhausted(nowMs: number): boolean {
    for (const { sentMs, attempts } of this.#asked.values()) {
      if (attempts >= MAX_ATTEMPTS && nowMs - sentMs >= CHUNK_TIMEOUT_MS) return true;
    }
    return false;
  }

  accept(chunk: PullChunk): SessionState {
    if (chunk.status !== "ok") return chunk.status === "unknown-session" ? "broken" : chunk.status;
    const first = this.#first ?? chunk;
    const isSame =
      chunk.seq === first.seq &&
      chunk.chunkCount === first.chunkCount &&
      digestsEqual(chunk.digest, first.digest);
    const isWithin = chunk.chunk < chunk.chunkCount && chunk.chunkCount <= MAX_CHUNKS;
    if (!isSame || !isWithin) return "broken";
    this.#first = first;
    if (this.#asked.delete(chunk.chunk) && this.#chunks[chunk.chunk] === undefined) {
      this.#chunks[chunk.chunk] = chunk;
      this.#receivedCount++;
    }
    return this.#receivedCount === first.chunkCount ? "done" : "more";
  }

  /** The entries of all chunks, in order. */
  entries(): ReceivedEntry[] {
    return this.#chunks.flatMap((chunk) => chunk?.entries ?? []);
  }

  #ask(chunk: number, attempts: number, nowMs: number): PullRequest {
    this.#asked.set(chunk, { sentMs: nowMs, attempts });
    return { ...this.#request, chunk };
  }
}
