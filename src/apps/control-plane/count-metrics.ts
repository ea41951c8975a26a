import type { MetricsText, Sample } from "../../core/model/metrics-text.ts";
import type { ServerCounts } from "./admin-views.ts";

/** What happened at this replica, for Prometheus. */
export function countMetrics(text: MetricsText, { expired, slowWatchers }: ServerCounts): void {
  text.counter(
    "weir_leases_expired_total",
    "Registrations that ended by themselves: silent, or nobody's and refused where they were.",
    byReason(expired),
  );
  text.counter(
    "weir_watch_slow_closed_total",
    "Watchers that were cut because they acknowledged nothing.",
    [{ value: slowWatchers }],
  );
}

function byReason(counts: ReadonlyMap<string, number>): Sample[] {
  return [...counts].map(([reason, value]) => ({ labels: { reason }, value }));
}
