import { digestsEqual } from "../../../core/model/digest.ts";
import type { Agreement } from "../../../core/replication/beat-check.ts";
import type { MemberView } from "../../../core/replication/member.ts";
import type { MemberFlags } from "../../../core/replication/messages.ts";
import type { Bus, BusState } from "../../../ports/bus.ts";
import type {
  ClusterMember,
  ClusterView,
  OrphanCounts,
  ReplicaIdentity,
} from "../../../ports/cluster-view.ts";
import type { Leadership } from "../../../ports/leadership.ts";
import type { PeerOrigin } from "./peer-origin.ts";
import type { Replicator } from "./replicator.ts";

interface ClusterParts {
  /** The cluster's. */
  readonly name: string;
  readonly bus: Bus;
  /** Where this replica is reached; `""` when nobody said. */
  readonly address: string;
  readonly softwareVersion: string;
  readonly replicator: Pick<Replicator, "own" | "peers" | "garbageCount">;
  readonly members: () => readonly MemberView[];
  /** What this replica's heartbeats say of it. */
  readonly flags: () => MemberFlags;
  readonly isSynced: () => boolean;
  readonly identity: () => ReplicaIdentity;
  /** `undefined` where nobody cares for them. */
  readonly orphans: () => OrphanCounts | undefined;
  /** Nobody leads when it is left out. */
  readonly leadership?: Pick<Leadership, "leader">;
}

/** What operators see of the cluster, read from those that keep it. */
export class ClusterViews implements ClusterView {
  readonly name: string;
  readonly #parts: ClusterParts;

  constructor(parts: ClusterParts) {
    this.name = parts.name;
    this.#parts = parts;
  }

  get bus(): BusState {
    return this.#parts.bus.state;
  }

  get isSynced(): boolean {
    return this.#parts.isSynced();
  }

  get garbageCount(): number {
    return this.#parts.replicator.garbageCount;
  }

  get identity(): ReplicaIdentity {
    return this.#parts.identity();
  }

  get orphans(): OrphanCounts {
    return this.#parts.orphans() ?? { orphans: 0, unowned: 0 };
  }

  get leader(): string {
    return this.#parts.leadership?.leader ?? "";
  }

  members(): readonly ClusterMember[] {
    const { members, replicator } = this.#parts;
    const others = members().map((view) =>
      memberOf(view, replicator.peers.get(view.origin.replicaId)),
    );
    return [this.#self(), ...others.sort((a, b) => (a.id < b.id ? -1 : 1))];
  }

  #self(): ClusterMember {
    const { address, softwareVersion, flags, replicator } = this.#parts;
    const { origin, seq, digest } = replicator.own.log.position;
    return {
      id: origin.replicaId,
      isSelf: true,
      state: "alive",
      epoch: origin.epoch,
      seq,
      lag: 0,
      agreement: "agrees",
      progress: undefined,
      clockOffsetMs: 0,
      address,
      softwareVersion,
      flags: flags(),
      ownedCount: digest.count,
      quarantinedCount: 0,
      silentMs: 0,
    };
  }
}

function memberOf(view: MemberView, peer: PeerOrigin | undefined): ClusterMember {
  const { origin, state, seq, address, softwareVersion, flags, silentMs, clockOffsetMs } = view;
  return {
    ...{ id: origin.replicaId, isSelf: false, state, epoch: origin.epoch, seq },
    lag: lagOf(view, peer),
    agreement: agreementWith(view, peer),
    progress: peer?.copy.progress,
    ...{ clockOffsetMs, address, softwareVersion, flags },
    ownedCount: peer?.ownedCount ?? 0,
    quarantinedCount: peer?.quarantinedCount ?? 0,
    silentMs,
  };
}

/** Of an epoch that has not arrived, everything is missing. */
function lagOf({ origin, seq }: MemberView, peer: PeerOrigin | undefined): number {
  if (peer?.copy.origin.epoch !== origin.epoch) return seq;
  return Math.max(0, seq - peer.copy.seq);
}

/** What arrived since the last heartbeat is not judged by it; what is equal now need not wait for the next one. */
function agreementWith(
  { origin, seq, digest }: MemberView,
  peer: PeerOrigin | undefined,
): Agreement {
  if (peer === undefined) return "unknown";
  const { copy } = peer;
  const isLoaded = copy.origin.epoch === origin.epoch && copy.set !== undefined;
  if (!isLoaded || copy.seq < seq) return "behind";
  if (copy.seq === seq && digestsEqual(copy.set.root, digest)) return "agrees";
  return copy.progress.agreement;
}
