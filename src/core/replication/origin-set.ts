import type { Digest } from "../model/digest.ts";
import { hash32 } from "../model/hash.ts";
import type { Fence } from "../registry/fences.ts";
import { isFencedBy, type ReceivedEntry, type RecordEntry } from "./entry.ts";

/** Few enough that all their sums are one small message, enough that one differing bucket is little. */
export const BUCKET_COUNT = 256;

/** Which bucket a key belongs to, on every replica. */
export function bucketOf(key: string): number {
  return hash32(key) & (BUCKET_COUNT - 1);
}

/**
 * The records of one origin, with sums of their hashes by which two replicas find what differs.
 * The origin is its only writer, so the last entry of a key counts and no tombstones are kept.
 */
export class OriginSet {
  readonly #buckets: Map<string, RecordEntry>[] = Array.from(
    { length: BUCKET_COUNT },
    () => new Map(),
  );
  /** Per bucket, modulo 2^64, in halves: unsigned, low and high. */
  readonly #lows = new Uint32Array(BUCKET_COUNT);
  readonly #highs = new Uint32Array(BUCKET_COUNT);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get(key: string): RecordEntry | undefined {
    return this.#buckets[bucketOf(key)]?.get(key);
  }

  /**
   * A record takes the place of its key's former one. A removal takes out what its fence covers;
   * the fence itself is for the caller to keep.
   * @returns the record that was replaced or removed
   */
  apply(entry: ReceivedEntry): RecordEntry | undefined {
    if (entry.kind === "record") return this.#put(entry);
    return entry.kind === "removal" ? this.#end(entry.key, entry.fence) : undefined;
  }

  /** Takes a record out without a word why. */
  drop(key: string): RecordEntry | undefined {
    const bucket = bucketOf(key);
    const former = this.#buckets[bucket]?.get(key);
    if (former === undefined) return undefined;
    this.#buckets[bucket]?.delete(key);
    this.#subtract(bucket, former);
    return former;
  }

  /** Of all records: how many, and the sum of their hashes modulo 2^64. */
  get root(): Digest {
    let sum = 0n;
    for (let i = 0; i < BUCKET_COUNT; i++) sum += this.bucket(i);
    return { count: this.#count, sum: BigInt.asUintN(64, sum) };
  }

  /** The sum of one bucket's hashes modulo 2^64. */
  bucket(index: number): bigint {
    return (BigInt(this.#highs[index] ?? 0) << 32n) | BigInt(this.#lows[index] ?? 0);
  }

  /** The sums of all buckets. */
  vector(): BigUint64Array {
    return BigUint64Array.from({ length: BUCKET_COUNT }, (_, i) => this.bucket(i));
  }

  *entries(): Generator<RecordEntry> {
    for (const bucket of this.#buckets) yield* bucket.values();
  }

  *entriesOf(buckets: Iterable<number>): Generator<RecordEntry> {
    for (const index of buckets) {
      const bucket = this.#buckets[index];
      if (bucket !== undefined) yield* bucket.values();
    }
  }

  #put(entry: RecordEntry): RecordEntry | undefined {
    const index = bucketOf(entry.key);
    const bucket = this.#buckets[index];
    const former = bucket?.get(entry.key);
    if (former !== undefined) this.#subtract(index, former);
    bucket?.set(entry.key, entry);
    this.#count++;
    const low = (this.#lows[index] ?? 0) + (entry.hashLow >>> 0);
    this.#lows[index] = low;
    this.#highs[index] = (this.#highs[index] ?? 0) + (entry.hashHigh >>> 0) + carryOf(low);
    return former;
  }

  #end(key: string, fence: Fence): RecordEntry | undefined {
    const held = this.get(key);
    return held !== undefined && isFencedBy(held.record, fence) ? this.drop(key) : undefined;
  }

  #subtract(index: number, entry: RecordEntry): void {
    this.#count--;
    const low = (this.#lows[index] ?? 0) - (entry.hashLow >>> 0);
    this.#lows[index] = low;
    this.#highs[index] = (this.#highs[index] ?? 0) - (entry.hashHigh >>> 0) - (low < 0 ? 1 : 0);
  }
}

function carryOf(sum: number): number {
  return sum > 0xffffffff ? 1 : 0;
}
