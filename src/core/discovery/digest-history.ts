import type { Digest } from "../model/digest.ts";

/**
 * How many former states of a service are recognized: half a minute of four changes a second, in
 * 2.5 KB. Whoever holds an older one gets a snapshot.
 */
export const MAX_FORMER_STATES = 128;

const SMALLEST = 8;

/**
 * Which digest a service had at its former versions. Agents come from other replicas with what
 * those had told them; versions do not compare there, digests do.
 */
export class DigestHistory {
  /** Side by side, oldest overwritten first: most services change little and own little. */
  #versions = new Float64Array(SMALLEST);
  #counts = new Uint32Array(SMALLEST);
  #sums = new BigUint64Array(SMALLEST);
  #size = 0;

  /** @param version higher than all before */
  add(version: number, { count, sum }: Digest): void {
    const capacity = this.#versions.length;
    if (this.#size === capacity && capacity < MAX_FORMER_STATES) this.#grow(capacity * 2);
    const at = this.#size++ % this.#versions.length;
    this.#versions[at] = version;
    this.#counts[at] = count;
    this.#sums[at] = sum;
  }

  /** The newest version with that digest. */
  versionOf({ count, sum }: Digest): number | undefined {
    const at = this.#find((i) => this.#sums[i] === sum && this.#counts[i] === count);
    return at === undefined ? undefined : this.#versions[at];
  }

  digestAt(version: number): Digest | undefined {
    const at = this.#find((i) => this.#versions[i] === version);
    if (at === undefined) return undefined;
    return { count: this.#counts[at] ?? 0, sum: this.#sums[at] ?? 0n };
  }

  #find(isWanted: (at: number) => boolean): number | undefined {
    const capacity = this.#versions.length;
    const oldest = Math.max(0, this.#size - capacity);
    for (let i = this.#size - 1; i >= oldest; i--) if (isWanted(i % capacity)) return i % capacity;
    return undefined;
  }

  /** Before anything was overwritten. */
  #grow(capacity: number): void {
    const [versions, counts, sums] = [this.#versions, this.#counts, this.#sums];
    this.#versions = new Float64Array(capacity);
    this.#counts = new Uint32Array(capacity);
    this.#sums = new BigUint64Array(capacity);
    this.#versions.set(versions);
    this.#counts.set(counts);
    this.#sums.set(sums);
  }
}
