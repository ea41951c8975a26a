/**
 * The wall clock of a cluster, as one replica knows it: the middle one of all live replicas'
 * clocks. By it a replica dates registrations, and judges whether another one's time lies too far
 * ahead to be believed: so a single clock that is wrong, late or ahead, has nobody's records
 * refused. Of two clocks nobody knows which one is right: the later one counts, because records that
 * are refused are missing from lists, and times only decide between processes with one id.
 * @param offsetsMs of the others' wall clocks to this one's, of those that live
 */
export function middleWallMs(ownWallMs: number, offsetsMs: readonly number[]): number {
  const offsets = [0, ...offsetsMs].sort((a, b) => a - b);
  return ownWallMs + (offsets[Math.floor(offsets.length / 2)] ?? 0);
}
