import type { MetricsText, Sample } from "../../core/model/metrics-text.ts";
import type { ServerCounts } from "./admin-views.ts";

/** What happened at this replica, for Prometheus. */
export function countMetrics(text: MetricsText, counts: ServerCounts): void {
  text.counter(
    "weir_leases_expired_total",
    "Registrations that ended by themselves: silent, or nobody's and refused where they were.",
    byReason(counts.expired),
  );
  text.counter(
    "weir_admission_rejected_total",
    "Registrations that were not let in, alone or in a batch.",
    byReason(counts.refused),
  );
  text.counter(
    "weir_watch_slow_closed_total",
    "Watchers that were cut because they acknowledged nothing.",
    [{ value: counts.slowWatchers }],
  );
  text.counter(
    "weir_grpc_server_handled_total",
    "Calls and streams that ended, by method and gRPC status.",
    counts.finishedCalls.map(({ method, code, count }) => ({
      labels: { method, code },
      value: count,
    })),
  );
}

function byReason(counts: ReadonlyMap<string, number>): Sample[] {
  return [...counts].map(([reason, value]) => ({ labels: { reason }, value }));
}
