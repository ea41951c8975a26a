import type { Digest } from "../model/digest.ts";
import { isFencedBy, type Origin, type ReplicatedEntry } from "./entry.ts";
import { entryBytesAtMost } from "./entry-size.ts";
import type { DeltaBatch } from "./messages.ts";
import { OriginSet } from "./origin-set.ts";

/** Covers ten seconds of a storm of 1,000 changes/s: as long as a short break of the bus. */
export const LOG_ENTRIES = 10_000;

export interface BatchLimits {
  /** 512: some 100 KB of ordinary instances. */
  readonly maxEntries: number;
  /** Of the entries of one batch, unless one alone is larger. 128 KiB keeps the bus fair. */
  readonly maxBytes: number;
}

export const DEFAULT_BATCH_LIMITS: BatchLimits = { maxEntries: 512, maxBytes: 131_072 };

/**
 * This replica's own records as others are told of them. What was appended becomes visible to them
 * (in the set, the digest and the log) with `flush`, so that every message speaks of one state.
 */
export class OriginLog {
  readonly origin: Origin;
  readonly set = new OriginSet();
  /** To be lowered when the bus carries less; counts from the next `flush`. */
  limits: BatchLimits;
  /** Entry of sequence s at s modulo `LOG_ENTRIES`. */
  readonly #ring: ReplicatedEntry[] = [];
  /** In order of appending; records by key, removals by all that they say. */
  readonly #pending = new Map<string, ReplicatedEntry>();
  #seq = 0;

  constructor(origin: Origin, limits: BatchLimits = DEFAULT_BATCH_LIMITS) {
    this.origin = origin;
    this.limits = limits;
  }

  /** Of the last entry that was flushed; the first one has 1. */
  get seq(): number {
    return this.#seq;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** A key's newer record takes the place of one that nobody was told of; no fence is ever left out. */
  append(entry: ReplicatedEntry): void {
    if (entry.kind === "record") {
      this.#pending.delete(entry.key);
      this.#pending.set(entry.key, entry);
      return;
    }
    const untold = this.#pending.get(entry.key);
    if (untold?.kind === "record" && isFencedBy(untold.record, entry.fence)) {
      this.#pending.delete(entry.key);
    }
    const { registrationId, kind, generation, reason } = entry.fence;
    const fenceKey = `${entry.key}/${registrationId}/${kind}/${generation}/${reason}`;
    this.#pending.delete(fenceKey);
    this.#pending.set(fenceKey, entry);
  }

  /** The appended entries as batches, to be published at once and in this order. */
  flush(): DeltaBatch[] {
    const batches: DeltaBatch[] = [];
    let entries: ReplicatedEntry[] = [];
    let bytes = 0;
    for (const entry of this.#pending.values()) {
      const size = entryBytesAtMost(entry);
      const isFull = entries.length >= this.limits.maxEntries;
      if (isFull || (entries.length > 0 && bytes + size > this.limits.maxBytes)) {
        batches.push(this.#write(entries));
        entries = [];
        bytes = 0;
      }
      entries.push(entry);
      bytes += size;
    }
    if (entries.length > 0) batches.push(this.#write(entries));
    this.#pending.clear();
    return batches;
  }

  /** The entries after a sequence; `undefined` when they are not kept, or it was never reached. */
  since(fromSeq: number): ReplicatedEntry[] | undefined {
    const oldest = Math.max(0, this.#seq - LOG_ENTRIES);
    if (fromSeq < oldest || fromSeq > this.#seq) return undefined;
    const entries: ReplicatedEntry[] = [];
    for (let seq = fromSeq + 1; seq <= this.#seq; seq++) {
      const entry = this.#ring[seq % LOG_ENTRIES];
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }

  /** What a heartbeat says of the set. */
  get position(): { readonly origin: Origin; readonly seq: number; readonly digest: Digest } {
    return { origin: this.origin, seq: this.#seq, digest: this.set.root };
  }

  #write(entries: readonly ReplicatedEntry[]): DeltaBatch {
    const prevSeq = this.#seq;
    for (const entry of entries) {
      this.set.apply(entry);
      this.#ring[++this.#seq % LOG_ENTRIES] = entry;
    }
    return { type: "delta", origin: this.origin, prevSeq, seq: this.#seq, entries, known: [] };
  }
}
