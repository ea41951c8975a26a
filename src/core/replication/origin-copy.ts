import type { Fence } from "../registry/fences.ts";
import type { Origin, ReceivedEntry } from "./entry.ts";
import { ChangeBuilder, type OriginChange } from "./origin-change.ts";
import { bucketOf, OriginSet } from "./origin-set.ts";

/** As many as an origin's log keeps: a pull that takes longer begins anew. */
const MAX_JOURNAL = 10_000;

/**
 * One epoch of an origin as it is served. While a pull is under way it remembers what it applied,
 * so that what arrives as of a moment in the past can be brought up to now.
 */
export class OriginCopy {
  readonly origin: Origin;
  #set: OriginSet;
  #seq: number;
  #journal: ReceivedEntry[] = [];
  /** Sequence before the journal's first entry; infinite while none is kept. */
  #journalFrom = Number.POSITIVE_INFINITY;

  constructor(origin: Origin, set: OriginSet, seq: number) {
    this.origin = origin;
    this.#set = set;
    this.#seq = seq;
  }

  get set(): OriginSet {
    return this.#set;
  }

  get seq(): number {
    return this.#seq;
  }

  /** Applies what of the entries after `prevSeq` is not here yet; `prevSeq` must not be ahead. */
  apply(prevSeq: number, entries: readonly ReceivedEntry[]): OriginChange | undefined {
    const change = new ChangeBuilder();
    for (let i = this.#seq - prevSeq; i < entries.length; i++) {
      const entry = entries[i];
      if (entry === undefined) break;
      change.apply(this.#set, entry);
      this.#seq++;
      this.#remember(entry);
    }
    return change.build(this.origin);
  }

  startJournal(): void {
    this.#journal = [];
    this.#journalFrom = this.#seq;
  }

  stopJournal(): void {
    this.#journal = [];
    this.#journalFrom = Number.POSITIVE_INFINITY;
  }

  /** True when content of sequence `seq` can be brought up to what is here. */
  canReplayFrom(seq: number): boolean {
    return seq >= this.#journalFrom;
  }

  /** Buckets in which something was applied after `seq`: they differ without being wrong. */
  touchedSince(seq: number): ReadonlySet<number> {
    const touched = new Set<number>();
    for (const entry of this.#after(seq)) {
      if (entry.kind !== "unknown") touched.add(bucketOf(entry.key));
    }
    return touched;
  }

  /**
   * Puts the records of some buckets, as of `seq`, in the place of those here.
   * @param seq not after the copy's own, and `canReplayFrom` it
   */
  replaceBuckets(
    buckets: ReadonlySet<number>,
    seq: number,
    entries: readonly ReceivedEntry[],
  ): OriginChange | undefined {
    const { set: next, fences } = loaded(entries);
    for (const entry of this.#after(seq)) {
      if (entry.kind !== "unknown" && buckets.has(bucketOf(entry.key))) next.apply(entry);
    }
    const change = new ChangeBuilder();
    const former = [...this.#set.entriesOf(buckets)];
    change.replace(former, next, fences);
    for (const { key } of former) if (next.get(key) === undefined) this.#set.drop(key);
    for (const entry of next.entries()) this.#set.apply(entry);
    return change.build(this.origin);
  }

  /** Puts the whole set as of `seq` in the place of the one here. */
  replaceAll(next: OriginSet, seq: number, fences: readonly Fence[]): OriginChange | undefined {
    for (const entry of this.#after(seq)) next.apply(entry);
    const change = new ChangeBuilder();
    change.replace(this.#set.entries(), next, fences);
    this.#set = next;
    this.#seq = Math.max(this.#seq, seq);
    return change.build(this.origin);
  }

  #after(seq: number): ReceivedEntry[] {
    return this.#journal.slice(Math.max(0, seq - this.#journalFrom));
  }

  #remember(entry: ReceivedEntry): void {
    if (this.#journalFrom === Number.POSITIVE_INFINITY) return;
    if (this.#journal.length >= MAX_JOURNAL) this.stopJournal();
    else this.#journal.push(entry);
  }
}

/** A set of what was pulled, apart from what is served, and the fences that came along. */
export function loaded(entries: readonly ReceivedEntry[]): { set: OriginSet; fences: Fence[] } {
  const set = new OriginSet();
  const fences: Fence[] = [];
  for (const entry of entries) {
    if (entry.kind === "record") set.apply(entry);
    else if (entry.kind === "removal") fences.push(entry.fence);
  }
  return { set, fences };
}
