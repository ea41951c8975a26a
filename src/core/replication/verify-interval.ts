const BASE_MS = 60_000;
/** Up to 8 replicas verify each minute; more of them more rarely, so that the load of an origin grows slowly. */
const BASE_REPLICAS = 8;

/**
 * How long until a copy is compared with its origin although nothing seems wrong: 60 s x (1 +
 * log2(replicas / 8)), plus or minus half of it. Source: the push/pull scale of HashiCorp's memberlist.
 *
 * @param uniform in [0, 1)
 */
export function verifyIntervalMs(replicaCount: number, uniform: number): number {
  const scale = 1 + Math.log2(Math.max(1, replicaCount / BASE_REPLICAS));
  return BASE_MS * scale * (0.5 + uniform);
}
