import { type Digest, EMPTY_DIGEST } from "../model/digest.ts";
import { type Origin, originText, type ReceivedEntry, type RemovalEntry } from "./entry.ts";
import { entryBytesAtMost } from "./entry-size.ts";
import type { PullChunk, PullRequest, PullStatus } from "./messages.ts";
import { bucketOf, type OriginSet } from "./origin-set.ts";

/** Small enough to leave room for others between two chunks, and below a bus's usual 1 MiB. */
export const DEFAULT_CHUNK_BYTES = 262_144;

/** A puller has one session per origin; more than these at once are all of a large cluster's. */
export const MAX_PULL_SESSIONS = 32;
/** A puller that is silent for so long has begun anew elsewhere. */
const SESSION_IDLE_MS = 30_000;

const NO_VECTOR = new BigUint64Array();

/** What can be pulled: an `OriginLog`, or a `RemoteOrigin` whose set is loaded. */
export interface PullSource {
  readonly origin: Origin;
  readonly seq: number;
  readonly set: OriginSet;
  /** The entries after a sequence; a copy has none. */
  since?(fromSeq: number): readonly ReceivedEntry[] | undefined;
  /** Why records left, told along with records: a puller that missed it learns the reason. */
  fences?(): Iterable<RemovalEntry>;
}

/** What one session is answered from: of one moment, whatever changes afterwards. */
interface Session {
  readonly origin: Origin;
  readonly seq: number;
  readonly chunks: readonly (readonly ReceivedEntry[])[];
  readonly vector: BigUint64Array;
  readonly digest: Digest;
  usedMs: number;
}

/** The serving side of pulls. Holds references to entries, no copies, for the sessions under way. */
export class PullServer {
  /** Of the entries of one chunk; to be lowered when the bus carries less. Sessions under way keep theirs. */
  maxChunkBytes: number;
  readonly #sessions = new Map<string, Session>();

  constructor(maxChunkBytes = DEFAULT_CHUNK_BYTES) {
    this.maxChunkBytes = maxChunkBytes;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** @param source of the origin that is asked for; `undefined` when there is none here. */
  answer(request: PullRequest, source: PullSource | undefined, nowMs: number): PullChunk {
    const key = `${request.requester}/${request.session}/${originText(request.origin)}`;
    const known = this.#sessions.get(key);
    if (known !== undefined) return this.#chunkOf(request, known, nowMs);
    if (request.chunk !== 0) return refusal(request, "unknown-session");
    if (source === undefined || source.origin.epoch !== request.origin.epoch) {
      return refusal(request, "other-epoch");
    }
    const opened = this.#open(request, source, nowMs);
    if (opened === undefined) return refusal(request, "too-old");
    // A session of one chunk needs no memory: asked again, it is answered from what is there then.
    if (opened.chunks.length > 1) this.#keep(key, opened, nowMs);
    return this.#chunkOf(request, opened, nowMs);
  }

  #open({ want }: PullRequest, source: PullSource, nowMs: number): Session | undefined {
    const { origin, seq, set } = source;
    const base = { origin, seq, vector: NO_VECTOR, usedMs: nowMs };
    switch (want.kind) {
      case "vector":
        return { ...base, chunks: [[]], vector: set.vector(), digest: set.root };
      case "from-seq": {
        const entries = source.since?.(want.seq);
        return entries && { ...base, chunks: this.#cut(entries), digest: set.root };
      }
      case "buckets": {
        const digest = bucketsDigest(set, want.buckets);
        const fences = fencesOf(source, new Set(want.buckets));
        return { ...base, chunks: this.#cut(set.entriesOf(want.buckets), fences), digest };
      }
      case "full":
        return { ...base, chunks: this.#cut(set.entries(), source.fences?.()), digest: set.root };
    }
  }

  #cut(...lists: (Iterable<ReceivedEntry> | undefined)[]): ReceivedEntry[][] {
    const chunks: ReceivedEntry[][] = [];
    let chunk: ReceivedEntry[] = [];
    let bytes = 0;
    for (const list of lists) {
      for (const entry of list ?? []) {
        const size = entryBytesAtMost(entry);
        if (chunk.length > 0 && bytes + size > this.maxChunkBytes) {
          chunks.push(chunk);
          chunk = [];
          bytes = 0;
        }
        chunk.push(entry);
        bytes += size;
      }
    }
    chunks.push(chunk);
    return chunks;
  }

  #keep(key: string, session: Session, nowMs: number): void {
    for (const [other, { usedMs }] of this.#sessions) {
      const isIdle = nowMs - usedMs >= SESSION_IDLE_MS;
      if (isIdle || this.#sessions.size >= MAX_PULL_SESSIONS) this.#sessions.delete(other);
    }
    this.#sessions.set(key, session);
  }

  #chunkOf(request: PullRequest, session: Session, nowMs: number): PullChunk {
    const entries = session.chunks[request.chunk];
    if (entries === undefined) return refusal(request, "unknown-session");
    session.usedMs = nowMs;
    return {
      type: "pull-chunk",
      origin: session.origin,
      session: request.session,
      status: "ok",
      chunk: request.chunk,
      chunkCount: session.chunks.length,
      seq: session.seq,
      entries,
      vector: session.vector,
      digest: session.digest,
      known: [],
    };
  }
}

function* fencesOf(source: PullSource, buckets: ReadonlySet<number>): Generator<RemovalEntry> {
  for (const fence of source.fences?.() ?? []) if (buckets.has(bucketOf(fence.key))) yield fence;
}

function bucketsDigest(set: OriginSet, buckets: readonly number[]): Digest {
  let sum = 0n;
  let count = 0;
  for (const bucket of buckets) sum += set.bucket(bucket);
  for (const _ of set.entriesOf(buckets)) count++;
  return { count, sum: BigInt.asUintN(64, sum) };
}

function refusal(request: PullRequest, status: PullStatus): PullChunk {
  return {
    type: "pull-chunk",
    origin: request.origin,
    session: request.session,
    status,
    chunk: request.chunk,
    chunkCount: 0,
    seq: 0,
    entries: [],
    vector: NO_VECTOR,
    digest: EMPTY_DIGEST,
    known: [],
  };
}
