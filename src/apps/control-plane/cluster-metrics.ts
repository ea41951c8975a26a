import type { MetricsText, Sample } from "../../core/model/metrics-text.ts";
import type { CopyProgress } from "../../core/replication/copy-progress.ts";
import { isLive } from "../../core/replication/member.ts";
import type { ClusterMember } from "../../ports/cluster-view.ts";
import type { ClusterStatus } from "../../ports/registry-service.ts";

/** The cluster's figures for Prometheus, as this replica sees it. */
export function clusterMetrics(text: MetricsText, cluster: ClusterStatus): void {
  const others = cluster.members.filter(({ isSelf }) => !isSelf);
  const live = others.filter(({ state }) => isLive(state));
  text.gauge("weir_cluster_members", "Replicas by state, this one included.", states(cluster));
  text.gauge(
    "weir_cluster_synced",
    "1 while nothing of a replica that is heard is known to be missing.",
    one(cluster.isSynced ? 1 : 0),
  );
  const isIsolated = cluster.members.some(({ isSelf, flags }) => isSelf && flags.isIsolated);
  text.gauge(
    "weir_cluster_isolated",
    "1 while this replica hears too few others to judge anybody.",
    one(isIsolated ? 1 : 0),
  );
  const { orphans, unowned } = cluster.orphans;
  text.gauge("weir_orphans", "Served instances of replicas that are gone.", one(orphans));
  text.gauge(
    "weir_unowned_instances",
    "Instances that were taken over and whose clients have not come back.",
    one(unowned),
  );
  const isLeader = cluster.members.some(({ isSelf, id }) => isSelf && id === cluster.leader);
  text.gauge(
    "weir_cluster_leader",
    "1 while this replica does what only one may do.",
    one(isLeader ? 1 : 0),
  );
  peers(text, live);
  copies(text, others);
  bus(text, cluster);
}

function states({ members }: ClusterStatus): Sample[] {
  const counts = new Map<string, number>();
  for (const { state } of members) counts.set(state, (counts.get(state) ?? 0) + 1);
  const all = ["alive", "suspect", "dead", "left"];
  return all.map((state) => ({ labels: { state }, value: counts.get(state) ?? 0 }));
}

/** How those are that live. */
function peers(text: MetricsText, live: readonly ClusterMember[]): void {
  const gauge = (name: string, help: string, value: (member: ClusterMember) => number): void =>
    text.gauge(name, help, byPeer(live, value));
  gauge("weir_cluster_peer_lag", "Changes of the peer that have not arrived.", ({ lag }) => lag);
  gauge(
    "weir_cluster_peer_agrees",
    "1 while the peer's digest is that of the copy here.",
    ({ agreement }) => (agreement === "agrees" ? 1 : 0),
  );
  gauge(
    "weir_cluster_peer_silent_seconds",
    "Time since the peer was heard.",
    ({ silentMs }) => silentMs / 1_000,
  );
  gauge(
    "weir_clock_offset_seconds",
    "The peer's wall clock minus this replica's, the time on the way included.",
    ({ clockOffsetMs }) => clockOffsetMs / 1_000,
  );
}

/** What is here of each, and what it took to keep that right. */
function copies(text: MetricsText, others: readonly ClusterMember[]): void {
  const known = others.flatMap(({ id, progress }) => (progress ? [{ id, progress }] : []));
  const counter = (name: string, help: string, value: (of: CopyProgress) => number): void =>
    text.counter(
      name,
      help,
      known.map(({ id, progress }) => ({ labels: { peer: id }, value: value(progress) })),
    );
  text.gauge(
    "weir_cluster_peer_instances",
    "Served instances that the peer owns.",
    byPeer(others, ({ ownedCount }) => ownedCount),
  );
  text.counter(
    "weir_quarantined_records_total",
    "Records of the peer that were refused because their time lies too far ahead.",
    byPeer(others, ({ quarantinedCount }) => quarantinedCount),
  );
  counter(
    "weir_digest_mismatch_total",
    "Heartbeats with as many changes as are here and another digest.",
    ({ mismatchCount }) => mismatchCount,
  );
  counter("weir_bus_gap_total", "How often changes were missing.", ({ gapCount }) => gapCount);
  text.counter(
    "weir_bus_resync_total",
    "Pulls from peers, by what was asked for.",
    known.flatMap(({ id, progress }) =>
      Object.entries(progress.pullCounts).map(([kind, value]) => ({
        labels: { peer: id, reason: kind.replace("-", "_") },
        value,
      })),
    ),
  );
}

function bus(text: MetricsText, { bus: state, garbageCount }: ClusterStatus): void {
  text.gauge("weir_bus_connected", "1 while NATS answers.", one(state.isConnected ? 1 : 0));
  const rtt = state.rttMs === undefined ? Number.NaN : state.rttMs / 1_000;
  text.gauge("weir_bus_rtt_seconds", "The last round trip to NATS; NaN without one.", one(rtt));
  text.counter("weir_bus_reconnects_total", "Connects after the first.", one(state.reconnectCount));
  text.counter(
    "weir_bus_dropped_total",
    "Messages that could not be sent.",
    one(state.droppedCount),
  );
  text.counter(
    "weir_bus_unreadable_total",
    "Messages on our subjects that nobody could read.",
    one(garbageCount),
  );
  text.gauge("weir_bus_denied_subjects", "Subjects that NATS forbids.", one(state.denied.length));
}

function byPeer(
  members: readonly ClusterMember[],
  value: (member: ClusterMember) => number,
): Sample[] {
  return members.map((member) => ({ labels: { peer: member.id }, value: value(member) }));
}

function one(value: number): Sample[] {
  return [{ value }];
}
