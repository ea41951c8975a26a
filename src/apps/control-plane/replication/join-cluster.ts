import type { Random } from "../../../core/model/random.ts";
import type { ClusterSubjects } from "../../../core/replication/subjects.ts";
import type { Bus } from "../../../ports/bus.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Log } from "../../../ports/log.ts";
import type { ReplicationCodec } from "../../../ports/replication-codec.ts";
import type { RegistryReplica } from "../registry-replica.ts";
import { Replicator } from "./replicator.ts";

/** What a replica needs to speak to its peers. */
export interface ClusterOptions {
  readonly bus: Bus;
  readonly codec: ReplicationCodec;
  readonly subjects: ClusterSubjects;
  /** Where agents and clients reach this replica, `host:port`; `""` when nobody said. */
  readonly address: string;
  readonly random: Random;
}

/** Lets a replica speak to its peers, before anything is registered or restored. */
export function joinCluster(
  cluster: ClusterOptions,
  replica: RegistryReplica,
  program: { readonly softwareVersion: string; readonly clock: Clock; readonly log: Log },
  self: {
    readonly epoch: number;
    readonly isSettled: () => boolean;
    readonly isDraining: () => boolean;
  },
): Replicator {
  const { softwareVersion, clock, log } = program;
  const { epoch, isSettled, isDraining } = self;
  const replicator = new Replicator({
    ...cluster,
    ...{ softwareVersion, clock, log },
    origin: { replicaId: replica.replicaId, epoch },
    registry: replica.registry,
    publish: () => replica.publish(),
    flags: () => ({ isLeaving: isDraining(), isIsolated: false, isSettled: isSettled() }),
  });
  replica.useReplication(replicator);
  return replicator;
}
