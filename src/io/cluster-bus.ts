import type { Random } from "../core/model/random.ts";
import { ClusterSubjects } from "../core/replication/subjects.ts";
import type { ClientCertificates } from "../ports/certificates.ts";
import type { Clock } from "../ports/clock.ts";
import type { LeaseCell } from "../ports/leadership.ts";
import type { Log } from "../ports/log.ts";
import { natsLeaseCell } from "./nats/lease-cell.ts";
import { NatsBus } from "./nats/nats-bus.ts";
import type { NatsDialOptions } from "./nats/nats-dial.ts";
import type { PolicyKvOptions } from "./nats/policy-kv.ts";
import { ClientCertificateFiles } from "./tls/client-certificates.ts";

/** From this many named servers on, policies are kept by three: a quorum survives the loss of one. */
const SERVERS_FOR_QUORUM = 3;

export interface ClusterBusSettings {
  readonly nats: readonly string[];
  readonly cluster: string;
  readonly natsCreds?: string | undefined;
  readonly natsNkey?: string | undefined;
  readonly natsUser?: string | undefined;
  readonly natsPasswordFile?: string | undefined;
  readonly natsTokenFile?: string | undefined;
  readonly natsCa?: string | undefined;
  readonly natsCert?: string | undefined;
  readonly natsKey?: string | undefined;
  readonly policyCopies?: 1 | 3 | undefined;
}

/** What a replica uses of NATS. */
export interface ClusterBus {
  readonly bus: NatsBus;
  readonly subjects: ClusterSubjects;
  /** Where the cluster's policies are: over a connection of their own. */
  readonly policies: Omit<PolicyKvOptions, "lastGood" | "log" | "clock">;
  /** Who leads: over a connection of its own. */
  readonly leaseCell: LeaseCell;
}

/**
 * Connects in the background.
 * @param replicaId what NATS' monitoring shows.
 * @throws MeshError INVALID_ARGUMENT that says which setting cannot be used.
 */
export function openClusterBus(
  settings: ClusterBusSettings,
  replicaId: string,
  { clock, random, log }: { readonly clock: Clock; readonly random: Random; readonly log: Log },
): ClusterBus {
  const subjects = new ClusterSubjects(settings.cluster);
  const options: NatsDialOptions = {
    servers: settings.nats,
    credsFile: settings.natsCreds,
    nkeyFile: settings.natsNkey,
    user: settings.natsUser,
    passwordFile: settings.natsPasswordFile,
    tokenFile: settings.natsTokenFile,
    certificates: certificatesOf(settings, clock, log),
    name: `weir ${replicaId}`,
    inboxPrefix: subjects.inboxPrefix,
    clock,
    random,
  };
  const replicas = settings.policyCopies ?? (settings.nats.length >= SERVERS_FOR_QUORUM ? 3 : 1);
  return {
    bus: new NatsBus({ ...options, log }),
    subjects,
    policies: { ...options, bucket: `weir-${settings.cluster}-policies`, replicas },
    leaseCell: natsLeaseCell({
      ...options,
      bucket: `weir-${settings.cluster}-leader`,
      job: "policies",
      replicas,
    }),
  };
}

function certificatesOf(
  { natsCa, natsCert, natsKey }: ClusterBusSettings,
  clock: Clock,
  log: Log,
): ClientCertificates | undefined {
  if (natsCa === undefined && natsCert === undefined) return undefined;
  return new ClientCertificateFiles({ ca: natsCa, cert: natsCert, key: natsKey }, clock, log);
}
