import type { MetricsText, Sample } from "../../core/model/metrics-text.ts";
import type { ServerCounts } from "./admin-views.ts";

/** What happened at this replica, and until when its ports are good, for Prometheus. */
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
  const { certificateExpiresAtMs: expiresAtMs } = counts;
  if (expiresAtMs === undefined) return;
  text.gauge(
    "weir_cert_expiry_timestamp_seconds",
    "When the certificate in use ends, in seconds since 1970.",
    [{ value: expiresAtMs / 1_000 }],
  );
}

function byReason(counts: ReadonlyMap<string, number>): Sample[] {
  return [...counts].map(([reason, value]) => ({ labels: { reason }, value }));
}
