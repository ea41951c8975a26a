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
