import { runEpoch } from "../../core/discovery/run-epoch.ts";
import type { OriginPosition } from "../../core/discovery/seen-positions.ts";
import {
  DEFAULT_SETTLE_AFTER_MS,
  settlesAtMs as settleTimeOf,
} from "../../core/discovery/settling.ts";
import type { Update } from "../../core/discovery/update.ts";
import { newFastRandom } from "../../core/model/fast-random.ts";
import type { ServiceKey } from "../../core/model/names.ts";
import { SelfPreservation } from "../../core/registry/self-preservation.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ReplicaAddress } from "../../ports/destination.ts";
import type { Log } from "../../ports/log.ts";
import type { PolicyStore } from "../../ports/policy-store.ts";
import type { RegistryStore } from "../../ports/registry-store.ts";
import type { ServerHost } from "../../ports/server-host.ts";
import type { UpdateEncoder } from "../../ports/update-encoder.ts";
import { AdminViews } from "./admin-views.ts";
import { DiscoveryHub } from "./discovery-hub.ts";
import { DrainWaits } from "./drain-waits.ts";
import { startLeaderWork } from "./leader-work.ts";
import { LeaseReaper } from "./lease-reaper.ts";
import { longestLeaseMs, nextEpoch, restore, SnapshotKeeper } from "./persistence.ts";
import { Policies } from "./policies.ts";
import type { WhenCaughtUp } from "./read-after.ts";
import { RegistryReplica } from "./registry-replica.ts";
import { Cluster, type ClusterOptions, type ClusterSurroundings } from "./replication/cluster.ts";
import { clusterClock } from "./replication/cluster-clock.ts";
import { StreamTurnover } from "./stream-turnover.ts";
import { WatchSessions } from "./watch-sessions.ts";

/** Agents are asked to leave over this long before streams end, so that they do not all come back at once. */
const DRAIN_NOTICE_MS = 500;

/** When who was sent away may come back to this address: a restart takes about as long. */
const RETRY_AFTER_MS = 1_000;

/** How often a replica that is due to settle looks whether its peers' records are here. */
const SYNC_CHECK_MS = 250;

export interface ControlPlaneOptions {
  readonly replicaId: string;
  readonly softwareVersion: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly store: RegistryStore;
  readonly policies: PolicyStore;
  readonly encoder: UpdateEncoder;
  readonly host: ServerHost;
  readonly settleAfterMs?: number;
  /** The replicas that clients are told of, this one included; nothing when left out. */
  readonly peers?: () => readonly ReplicaAddress[];
  /** When streams are asked to go to another replica, if there is one. */
  readonly streamAgeMs?: number;
  /** How far this replica has heard each origin: said with every answer. Nothing when left out. */
  readonly positions?: () => readonly OriginPosition[];
  /** The peers whose records are served too. Alone when left out. */
  readonly cluster?: ClusterOptions;
  /** Lets agents that saw more elsewhere wait a moment. Without it, and without a cluster, nobody waits. */
  readonly whenCaughtUp?: WhenCaughtUp;
  /** Another process has this replica's id and is newer: clients were sent away, the program should end. */
  readonly fenced?: (reason: string) => void;
}

/** One running replica, without its listeners: what a simulation runs is what ships. */
export interface ControlPlane {
  readonly replica: RegistryReplica;
  readonly watches: WatchSessions;
  readonly admin: AdminViews;
  readonly policies: Policies;
  /** To be told when a replica joins. */
  readonly turnover: StreamTurnover;
  readonly isSettled: () => boolean;
  /** Sends everybody away, then ends streams; writes the last snapshot. */
  stop(): Promise<void>;
}

/** Assembles a replica from ports and lets it run. */
export function startControlPlane(options: ControlPlaneOptions): ControlPlane {
  const { replicaId, clock, log, store, settleAfterMs = DEFAULT_SETTLE_AFTER_MS } = options;
  const startedAtMs = clock.nowMs();
  const loaded = store.load();
  for (const problem of loaded.problems) log.warn({}, problem);
  const epoch = nextEpoch(loaded, clock.wallMs());
  const settlesAtMs = settleTimeOf({ startedAtMs, settleAfterMs }, longestLeaseMs(loaded));

  const others = othersOf(options, () => cluster);
  const encoder = encoderOf(options.encoder, others.positions);
  const hub = new DiscoveryHub(clock, encoder, runEpoch(replicaId, epoch));
  const policies = new Policies(options.policies, hub);
  const turnover = newTurnover(options, epoch, others.peers);
  const shared = clusterClock(clock, () => cluster?.members.clockOffsetsMs ?? []);
  const replica = new RegistryReplica({ replicaId, clock: shared, log, store, hub, turnover });
  const guard = new SelfPreservation();
  const progressed = (key: ServiceKey): void => drains.progressed(key);
  const watches = new WatchSessions({ replicaId, clock, hub, progressed, turnover, ...others });
  const { registry } = replica;
  const drains = new DrainWaits({ clock, hub, watches, registry, replicaId, settlesAtMs });
  replica.useDrains(drains);

  let isDraining = false;
  const cluster = clusterOf(options, {
    ...{ replica, hub, drains, turnover, epoch, clusterClock: shared },
    isDraining: () => isDraining,
    fenced: (reason) => void stop().then(() => options.fenced?.(reason)),
  });
  const restoredCount = restore(registry, loaded, startedAtMs, settlesAtMs, cluster?.asksUnowned);
  if (restoredCount > 0) log.info({ restoredCount, epoch }, "instances of the last run are back");
  replica.publish();
  const kept = { registry, identity: { epoch, replicaId } };
  const snapshots = new SnapshotKeeper({ clock, log, store, ...kept });
  const reaper = new LeaseReaper(clock, log, replica, guard, others.hearsAll);
  cluster?.start();
  const endLeaderWork = startLeaderWork({ ...options, clock: shared });
  const isSynced = (): boolean => cluster?.isSynced ?? true;
  const cancelSettle = settleWhen({ hub, clock, log }, settlesAtMs - startedAtMs, isSynced);
  const admin = new AdminViews({
    ...{ clock, replica, hub, watches, guard, reaper, startedAtMs, policies },
    cluster: cluster?.view,
    host: options.host,
    isDraining: () => isDraining,
    softwareVersion: options.softwareVersion,
    degraded: () => said(...loaded.problems, snapshots.failure, policies.problem),
  });
  const stop = once(async () => {
    isDraining = true;
    cancelSettle();
    reaper.stop();
    const termEnded = endLeaderWork();
    await sendAway(clock, replica, watches, () => cluster?.stop(true));
    await snapshots.stop();
    await Promise.all([termEnded, policies.close()]);
    await store.close();
  });
  return {
    replica,
    watches,
    admin,
    policies,
    turnover,
    isSettled: () => hub.isSettled,
    stop,
  };
}

/** Streams end after a notice, and the peers hear of everything until then. */
async function sendAway(
  clock: Clock,
  replica: RegistryReplica,
  watches: WatchSessions,
  leaveCluster: () => void,
): Promise<void> {
  replica.startDraining(RETRY_AFTER_MS);
  watches.drain(RETRY_AFTER_MS);
  await pause(clock, DRAIN_NOTICE_MS);
  leaveCluster();
  watches.end();
  replica.sessions.end();
}

/** Complete answers need everything that is known to exist. @returns how to stop waiting. */
function settleWhen(
  { hub, clock, log }: { hub: DiscoveryHub; clock: Clock; log: Log },
  delayMs: number,
  isSynced: () => boolean,
): () => void {
  let cancel = clock.after(delayMs, function look() {
    if (!isSynced()) {
      cancel = clock.after(SYNC_CHECK_MS, look);
      return;
    }
    hub.settle();
    log.info({}, "settled: answers are complete from now on");
  });
  return () => cancel();
}

/** The cluster that this replica is one of, if it is. */
function clusterOf(
  { cluster, clock, log, softwareVersion }: ControlPlaneOptions,
  around: Omit<ClusterSurroundings, "clock" | "log" | "softwareVersion">,
): Cluster | undefined {
  return cluster && new Cluster(cluster, { ...around, clock, log, softwareVersion });
}

/** What a program said of the other replicas, or what the cluster knows. */
function othersOf(options: ControlPlaneOptions, cluster: () => Cluster | undefined) {
  const { peers = () => cluster()?.addresses() ?? [], positions, whenCaughtUp } = options;
  const hearsAll = (): boolean => cluster()?.isComplete ?? true;
  if (options.cluster === undefined) return { peers, positions, whenCaughtUp, hearsAll };
  return {
    hearsAll,
    peers: () => cluster()?.addresses() ?? [],
    positions: positions ?? (() => cluster()?.positions() ?? []),
    whenCaughtUp:
      whenCaughtUp ??
      (async (seen: readonly OriginPosition[], timeoutMs: number) =>
        (await cluster()?.whenCaughtUp(seen, timeoutMs)) ?? true),
  };
}

/** Bytes are made after the change that they tell of, so that what they claim to include is in them. */
function encoderOf(
  encoder: UpdateEncoder,
  positions: (() => readonly OriginPosition[]) | undefined,
): UpdateEncoder {
  if (positions === undefined) return encoder;
  const placed = (update: Update): Update =>
    update.type === "endpoints" ? { ...update, positions: positions() } : update;
  return {
    encode: (update) => encoder.encode(placed(update)),
    sizeOf: (endpoint) => encoder.sizeOf(endpoint),
  };
}

/** Another seed at each start of each replica, and the same one in the same simulation. */
function newTurnover(
  { clock, streamAgeMs }: ControlPlaneOptions,
  epoch: number,
  peers: () => readonly ReplicaAddress[],
): StreamTurnover {
  const hasElsewhere = () => peers().length > 1;
  return new StreamTurnover({ clock, random: newFastRandom(epoch), streamAgeMs, hasElsewhere });
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}

/** Called again, it is what is under way. */
function once(task: () => Promise<void>): () => Promise<void> {
  let under: Promise<void> | undefined;
  return () => {
    under ??= task();
    return under;
  };
}

function said(...problems: readonly string[]): string[] {
  return problems.filter((problem) => problem !== "");
}
