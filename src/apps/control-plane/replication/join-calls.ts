import type { MemberView } from "../../../core/replication/member.ts";
import type { ClusterSubjects } from "../../../core/replication/subjects.ts";
import type { Bus } from "../../../ports/bus.ts";
import type { Log } from "../../../ports/log.ts";
import type { ReplicationCodec } from "../../../ports/replication-codec.ts";
import type { DrainWaits } from "../drain-waits.ts";
import type { RegistryReplica } from "../registry-replica.ts";
import { OwnerCalls } from "./owner-calls.ts";

/** The peers as a replica knows them. */
interface KnownPeers {
  readonly isSynced: boolean;
  readonly members: { readonly membership: { readonly isIsolated: boolean } };
  list(): readonly MemberView[];
}

/** Lets a replica ask its peers for what only they may do or know, and answer them. @returns how to stop */
export function joinCalls(
  bus: { readonly bus: Bus; readonly codec: ReplicationCodec; readonly subjects: ClusterSubjects },
  peers: KnownPeers,
  program: {
    readonly replica: RegistryReplica;
    readonly drains: DrainWaits;
    readonly epoch: number;
    readonly log: Log;
  },
): () => void {
  const { replica, drains, epoch, log } = program;
  const calls = new OwnerCalls({
    ...bus,
    log,
    origin: { replicaId: replica.replicaId, epoch },
    members: () => peers.list(),
    isIsolated: () => peers.members.membership.isIsolated,
    isSynced: () => peers.isSynced,
  });
  replica.useOwners(calls);
  drains.usePeers(calls);
  return calls.serve({
    renew: (leases) => replica.renewals.renewOwn(leases),
    setDraining: (lease, isDraining) => replica.operatorDrains.setForPeer(lease, isDraining),
    pending: (question) => drains.answer(question),
  });
}
