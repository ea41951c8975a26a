/** Identifies a set of endpoints without listing it. */

export interface Digest {
  readonly count: number;
  /** Sum of the endpoints' hashes modulo 2^64. */
  readonly sum: bigint;
}

export const EMPTY_DIGEST: Digest = Object.freeze({ count: 0, sum: 0n });

export function digestAdd(digest: Digest, hash: bigint): Digest {
  return { count: digest.count + 1, sum: BigInt.asUintN(64, digest.sum + hash) };
}

export function digestRemove(digest: Digest, hash: bigint): Digest {
  return { count: digest.count - 1, sum: BigInt.asUintN(64, digest.sum - hash) };
}

export function digestsEqual(a: Digest, b: Digest): boolean {
  return a.count === b.count && a.sum === b.sum;
}
