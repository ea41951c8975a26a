import type { Agreement } from "../core/replication/beat-check.ts";
import type { MemberState } from "../core/replication/member.ts";
import type { BusProblemKind, DeniedSubject } from "./bus.ts";
import type { ReplicaIdentity } from "./cluster-view.ts";

/** A cluster as the API tells of it. What a newer server says is `unknown`. */
export interface ClusterSummary {
  /** Empty when the server runs alone: then nobody is listed. */
  readonly name: string;
  /** The replica that answered first, then the others by id. */
  readonly members: readonly MemberSummary[];
  /** Of the replica that answered; `undefined` when it runs alone. */
  readonly bus: BusSummary | undefined;
  readonly isSynced: boolean;
  readonly garbageCount: number;
  readonly identity: ReplicaIdentity;
  /** Instances of replicas that are gone. */
  readonly orphanCount: number;
  /** Those that the replica that answered has taken over, and whose clients have not come back. */
  readonly unownedCount: number;
  /** The replica that does what only one may do; `""` when none is known. */
  readonly leader: string;
}

export interface MemberSummary {
  readonly id: string;
  readonly isSelf: boolean;
  readonly state: MemberState | "unknown";
  readonly epoch: number;
  readonly sequence: number;
  /** How many of its changes are not at the one that answered. */
  readonly lag: number;
  readonly isPulling: boolean;
  readonly digest: Agreement;
  readonly clockOffsetMs: number;
  /** `host:port`; `""` when it does not say. */
  readonly address: string;
  readonly softwareVersion: string;
  readonly isSettled: boolean;
  readonly isIsolated: boolean;
  readonly isLeaving: boolean;
  readonly instanceCount: number;
  readonly quarantinedCount: number;
  readonly silentMs: number;
  readonly mismatchCount: number;
  readonly gapCount: number;
}

export interface BusSummary {
  readonly isConnected: boolean;
  readonly server: string;
  readonly serverName: string;
  /** How long it is connected, or is not. */
  readonly forMs: number;
  /** 0 before the first connection. */
  readonly maxPayloadBytes: number;
  readonly rttMs: number | undefined;
  readonly reconnectCount: number;
  readonly droppedCount: number;
  /** Kept after it is over; `""` when there was none. */
  readonly lastProblem: string;
  readonly lastProblemKind: BusProblemKind | "unknown" | undefined;
  readonly denied: readonly DeniedSubject[];
}
