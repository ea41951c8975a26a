/**
 * 64-bit hash of a string, the same on every machine: two 32-bit multiply-xor lanes with
 * cross mixing. Not for adversaries; good enough that equal sums mean equal sets.
 * Source: bryc, "cyrb53", public domain; here both lanes are kept whole.
 */
export function hash64(text: string): bigint {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return (BigInt(low >>> 0) << 32n) | BigInt(high >>> 0);
}

/**
 * 64-bit hash of a sequence of texts and numbers, the same on every machine; the same construction
 * as `hash64`, over two units of text at a time and without building one text of all. Each text
 * counts with its length, so that neighbours cannot run into each other. Reused: `start` begins anew.
 */
export class SequenceHash {
  /** The lanes, low and high: a typed array keeps them unboxed. */
  readonly #lanes = new Int32Array(2);

  start(): void {
    this.#lanes[0] = 0x41c6ce57;
    this.#lanes[1] = 0xdeadbeef | 0;
  }

  number(value: number): void {
    this.#lanes[1] = Math.imul((this.#lanes[1] ?? 0) ^ value, 2654435761);
    this.#lanes[0] = Math.imul((this.#lanes[0] ?? 0) ^ value, 1597334677);
  }

  text(text: string): void {
    const { length } = text;
    let high = Math.imul((this.#lanes[1] ?? 0) ^ length, 2654435761);
    let low = Math.imul((this.#lanes[0] ?? 0) ^ length, 1597334677);
    for (let i = 0; i < length; i += 2) {
      const second = i + 1 < length ? text.charCodeAt(i + 1) : 0;
      const units = text.charCodeAt(i) | (second << 16);
      high = Math.imul(high ^ units ^ (high >>> 15), 2654435761);
      low = Math.imul(low ^ units ^ (low >>> 13), 1597334677);
    }
    this.#lanes[1] = high;
    this.#lanes[0] = low;
  }

  /** A set of pairs of texts, which has no order: takes their number, and the sum of their hashes. */
  pairs(pairs: ReadonlyMap<string, string>): void {
    this.number(pairs.size);
    if (pairs.size === 0) return;
    let high = 0;
    let low = 0;
    for (const [key, value] of pairs) {
      PAIR.start();
      PAIR.text(key);
      PAIR.text(value);
      PAIR.finish();
      high = (high + PAIR.high) | 0;
      low = (low + PAIR.low) | 0;
    }
    this.number(high);
    this.number(low);
  }

  /** Mixes the lanes; then only reading makes sense, until `start`. */
  finish(): void {
    let { high, low } = this;
    high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
    low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
    this.#lanes[1] = high;
    this.#lanes[0] = low;
  }

  /** After `finish`: 32 of the bits, signed. */
  get high(): number {
    return this.#lanes[1] ?? 0;
  }

  /** After `finish`: the other 32 bits, signed. */
  get low(): number {
    return this.#lanes[0] ?? 0;
  }
}

/** For `pairs`. Nothing runs between its start and its end. */
const PAIR = new SequenceHash();

/** 32-bit hash of a string, unsigned. Source: FNV-1a with Murmur3's finaliser. */
export function hash32(text: string, seed = 0): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix32(hash);
}

/** Spreads 32 bits so that every input bit reaches every output bit. Source: Murmur3's finaliser. */
export function mix32(bits: number): number {
  let mixed = bits;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
