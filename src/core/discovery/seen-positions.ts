/** How far a replica has heard one origin of registrations: the answers that it gives include as much. */
export interface OriginPosition {
  readonly replicaId: string;
  /** Of that replica's run. */
  readonly epoch: number;
  readonly sequence: number;
}

/** Far more than any cluster has replicas; the one that was heard of first is forgotten first. */
export const MAX_POSITIONS = 64;

/**
 * What an agent has seen of each origin, whichever replica told it. It shows this to the next
 * replica, which then knows whether its own answers would lead back in time. What an answer does
 * not name stays: its bytes may be older than the last replica that joined.
 */
export class SeenPositions {
  readonly #positions = new Map<string, OriginPosition>();

  list(): OriginPosition[] {
    return [...this.#positions.values()];
  }

  /** Takes in what came with an answer. */
  saw(positions: readonly OriginPosition[]): void {
    for (const position of positions.slice(0, MAX_POSITIONS)) {
      const known = this.#positions.get(position.replicaId);
      if (known === undefined && this.#positions.size >= MAX_POSITIONS) this.#forgetOldest();
      if (known === undefined || isBefore(known, position)) {
        this.#positions.set(position.replicaId, position);
      }
    }
  }

  #forgetOldest(): void {
    const [oldest] = this.#positions.keys();
    if (oldest !== undefined) this.#positions.delete(oldest);
  }
}

/** Of one replica. */
export function isBefore(a: OriginPosition, b: OriginPosition): boolean {
  return a.epoch === b.epoch ? a.sequence < b.sequence : a.epoch < b.epoch;
}
