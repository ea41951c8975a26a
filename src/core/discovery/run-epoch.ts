import { hash64 } from "../model/hash.ts";

/** JavaScript's numbers are exact up to there. */
const BITS = 53;

/**
 * The epoch of what one run of a replica tells agents: versions compare within one only. Two replicas
 * may start in the same millisecond, and an agent shows to one what the other told it: so the replica
 * counts, too. Two runs share an epoch once in 2^53.
 */
export function runEpoch(replicaId: string, originEpoch: number): number {
  return Number(BigInt.asUintN(BITS, hash64(`${replicaId}@${originEpoch}`)));
}
