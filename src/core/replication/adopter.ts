import { hash32, mix32 } from "../model/hash.ts";

/**
 * Which of the live replicas takes over what a dead one held under a key: the same choice at all who
 * see the same replicas, without an election. A replica that comes or goes moves only its own keys.
 *
 * @returns `undefined` when nobody lives
 */
export function adopterOf(key: string, replicaIds: Iterable<string>): string | undefined {
  const keyHash = hash32(key);
  let best: string | undefined;
  let bestScore = -1;
  for (const id of replicaIds) {
    const score = mix32(keyHash ^ hash32(id, 1));
    const isBetter = score > bestScore || (score === bestScore && best !== undefined && id > best);
    if (!isBetter) continue;
    best = id;
    bestScore = score;
  }
  return best;
}
