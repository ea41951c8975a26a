import { MetricsText, type Sample } from "../../core/model/metrics-text.ts";
import { ACK_BOUNDS_MS } from "./ack-times.ts";
import { clusterMetrics } from "./cluster-metrics.ts";
import { countMetrics } from "./count-metrics.ts";
import type { ControlPlane } from "./start.ts";

/** The server's figures for Prometheus. */
export function serverMetrics({ replica, admin, watches }: ControlPlane): string {
  const status = admin.status();
  const text = new MetricsText();
  text.gauge("weir_build_info", "The running version.", [
    { labels: { version: status.softwareVersion }, value: 1 },
  ]);
  text.gauge(
    "weir_registry_instances",
    "Registered instances by state.",
    byState(instanceStates(replica)),
  );
  text.gauge("weir_registry_services", "Known services.", one(status.serviceCount));
  text.gauge("weir_watch_streams", "Open Watch streams.", one(status.watchCount));
  text.gauge("weir_agents", "Agents by how far they are.", byState(admin.agentStates()));
  text.histogram(
    "weir_watch_ack_seconds",
    "Time from an update to its acknowledgement by an agent.",
    ACK_BOUNDS_MS.map((ms) => ms / 1_000),
    [{ counts: watches.ackTimes.counts, sum: watches.ackTimes.sumMs / 1_000 }],
  );
  text.gauge("weir_attach_sessions", "Open Attach sessions.", one(status.sessionCount));
  text.gauge("weir_settled", "1 once absence means something.", one(status.isSettled ? 1 : 0));
  text.gauge(
    "weir_self_preservation_active",
    "1 for each scope whose silent instances are kept.",
    status.frozen.map(({ scope }) => ({ labels: { scope }, value: 1 })),
  );
  text.counter("weir_self_preservation_total", "How often a scope froze.", one(status.freezeCount));
  text.counter("weir_discovery_version", "The newest version of this epoch.", one(status.version));
  text.gauge("weir_degraded", "How many things do not work.", one(status.degraded.length));
  countMetrics(text, admin.counts());
  resources(text, admin.resources());
  const cluster = admin.cluster();
  if (cluster !== undefined) clusterMetrics(text, cluster);
  return text.toString();
}

function resources(
  text: MetricsText,
  { policyStore, process }: ReturnType<ControlPlane["admin"]["resources"]>,
): void {
  const isWritable = policyStore.isWritable ? 1 : 0;
  text.gauge("weir_policies_writable", "1 while policies can be changed.", one(isWritable));
  text.gauge(
    "nodejs_eventloop_lag_seconds",
    "The longest that the event loop was late within the last 10 to 20 s.",
    one(process.eventLoopLagMs / 1_000),
  );
  text.gauge("nodejs_heap_size_used_bytes", "Heap in use.", one(process.heapUsedBytes));
  text.gauge("process_open_fds", "Open files and sockets.", one(process.openFiles));
}

function instanceStates(replica: ControlPlane["replica"]): ReadonlyMap<string, number> {
  const states = new Map<string, number>();
  for (const service of replica.registry.services.values()) {
    for (const { endpoint } of service.records.values()) {
      states.set(endpoint.state, (states.get(endpoint.state) ?? 0) + 1);
    }
  }
  return states;
}

function byState(counts: ReadonlyMap<string, number>): Sample[] {
  return [...counts].map(([state, value]) => ({ labels: { state }, value }));
}

function one(value: number): Sample[] {
  return [{ value }];
}
