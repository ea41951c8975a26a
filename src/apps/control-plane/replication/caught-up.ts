import type { OriginPosition, SeenPositions } from "../../../core/discovery/seen-positions.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { PeerOrigin } from "./peer-origin.ts";

/** How often those who wait are looked at; an agent is here for longer than that. */
const LOOK_MS = 20;

export interface CaughtUpOptions {
  readonly clock: Clock;
  readonly selfId: string;
  readonly peers: ReadonlyMap<string, PeerOrigin>;
  /**
   * What was heard was written in the knowledge of these. A registration that came and went to
   * another origin before it was pulled is in neither copy until that other one's has come as far.
   */
  readonly implied: SeenPositions;
  /** Whether all until there was over when its origin was forgotten; `undefined` for one that was not. */
  readonly isOver: (position: OriginPosition) => boolean | undefined;
  /** Whether every origin of which anybody here could tell was told of. */
  readonly isToldOfAll: () => boolean;
}

/** Agents that wait until this replica has heard what they have seen elsewhere. */
export class CaughtUp {
  readonly #options: CaughtUpOptions;

  constructor(options: CaughtUpOptions) {
    this.#options = options;
  }

  /** Never rejects. @returns whether all of it was heard in time, and all that this implies. */
  wait(seen: readonly OriginPosition[], timeoutMs: number): Promise<boolean> {
    const { clock, implied } = this.#options;
    const hasHeard = (position: OriginPosition): boolean => this.#hasHeard(position);
    let missing = seen;
    const isThere = (): boolean => {
      missing = missing.filter((position) => !hasHeard(position));
      return missing.length === 0 && implied.list().every(hasHeard);
    };
    if (isThere()) return Promise.resolve(true);
    const endsAtMs = clock.nowMs() + timeoutMs;
    return new Promise((resolve) => {
      const look = (): void => {
        if (isThere()) resolve(true);
        else if (clock.nowMs() >= endsAtMs) resolve(false);
        else clock.after(LOOK_MS, look);
      };
      clock.after(LOOK_MS, look);
    });
  }

  #hasHeard(position: OriginPosition): boolean {
    const { selfId, peers, isOver, isToldOfAll } = this.#options;
    const { replicaId, epoch, sequence } = position;
    // Our own earlier lives are over; of this one nobody has seen more than we said.
    if (replicaId === selfId) return true;
    const peer = peers.get(replicaId);
    // All of it is over, unless it lived on where we do not hear it; or nobody has told of it yet.
    if (peer === undefined) return isOver(position) !== false && isToldOfAll();
    if (peer.quarantinedCount > 0) return false;
    const { origin, seq } = peer.copy;
    return origin.epoch === epoch ? seq >= sequence : origin.epoch > epoch;
  }
}
