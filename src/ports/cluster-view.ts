import type { Agreement } from "../core/replication/beat-check.ts";
import type { CopyProgress } from "../core/replication/copy-progress.ts";
import type { MemberState } from "../core/replication/member.ts";
import type { MemberFlags } from "../core/replication/messages.ts";
import type { BusState } from "./bus.ts";

/** The cluster as one of its replicas sees it: for people and metrics, decides nothing. */
export interface ClusterView {
  /** What it is called: replicas with another name on the same bus are strangers. */
  readonly name: string;
  /** This replica first, then the others by id. */
  members(): readonly ClusterMember[];
  readonly bus: BusState;
  /** True when nothing of a replica that is heard is known to be missing. */
  readonly isSynced: boolean;
  /** Messages that were no messages of ours. */
  readonly garbageCount: number;
  readonly identity: ReplicaIdentity;
  /** The replica that does what only one may do; `""` when none is known. */
  readonly leader: string;
  readonly orphans: OrphanCounts;
}

export interface OrphanCounts {
  /** Instances of replicas that are gone. */
  readonly orphans: number;
  /** Those that this replica has taken over, and whose clients have not come back. */
  readonly unowned: number;
}

/** Another process with this replica's id: `duplicate`: an older one, which will stop. `fenced`: a newer one, so that this one stops. */
export type ReplicaIdentity = "sole" | "duplicate" | "fenced";

/** A replica. */
export interface ClusterMember {
  readonly id: string;
  readonly isSelf: boolean;
  readonly state: MemberState;
  readonly epoch: number;
  /** Of its own changes; counts from 0 in each epoch. */
  readonly seq: number;
  /** How many of its changes have not arrived here; 0 for this replica. */
  readonly lag: number;
  /** What its heartbeats say of the copy that is served here. */
  readonly agreement: Agreement;
  /** How the copy keeps up; `undefined` for this replica, and for one that has told nothing yet. */
  readonly progress: CopyProgress | undefined;
  /** Its wall clock minus ours at its last heartbeat; the time on the way is part of it. */
  readonly clockOffsetMs: number;
  /** Where agents and clients reach it, `host:port`; `""` when it does not say. */
  readonly address: string;
  readonly softwareVersion: string;
  readonly flags: MemberFlags;
  /** Instances that it owns, of those that are served here. */
  readonly ownedCount: number;
  /** Its records that were not taken in, because their time lies too far ahead. */
  readonly quarantinedCount: number;
  /** Since it was heard last; 0 for this replica. */
  readonly silentMs: number;
}
