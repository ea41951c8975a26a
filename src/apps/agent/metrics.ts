import { MetricsText, type Sample } from "../../core/model/metrics-text.ts";
import type { ConnectionState } from "../../data-plane/connection-loop.ts";
import { type AttemptStats, LATENCY_BOUNDS_MS } from "../../data-plane/service-stats.ts";
import type { ServiceEntry } from "../../data-plane/service-table.ts";

/** Process figures, from the program's door. */
export interface ProcessFigures {
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  readonly uptimeSeconds: number;
}

export interface MetricsInput {
  readonly version: string;
  readonly nowMs: number;
  readonly watch: ConnectionState;
  /** Monotonic; `undefined` before the first message. */
  readonly lastHeardAtMs: number | undefined;
  readonly services: Iterable<ServiceEntry>;
  readonly inFlight: number;
  readonly process: ProcessFigures;
}

const BOUNDS_SECONDS = LATENCY_BOUNDS_MS.map((ms) => ms / 1_000);

const CODE_CLASSES = [
  ["success", (stats: AttemptStats) => stats.succeeded],
  ["failure", (stats: AttemptStats) => stats.failed],
  ["cancelled", (stats: AttemptStats) => stats.cancelled],
] as const;

/** The agent's figures for Prometheus. */
export function agentMetrics(input: MetricsInput): string {
  const text = new MetricsText();
  const services = [...input.services];
  text.gauge("weir_agent_build_info", "Always 1; the version is a label.", [
    { labels: { version: input.version }, value: 1 },
  ]);
  controlPlane(text, input, services);
  attempts(text, services);
  counters(text, services);
  endpoints(text, services);
  text.gauge("weir_agent_in_flight", "Requests accepted and not ended.", one(input.inFlight));
  const { residentBytes, cpuSeconds, uptimeSeconds } = input.process;
  text.gauge("process_resident_memory_bytes", "Resident memory.", one(residentBytes));
  text.counter("process_cpu_seconds_total", "CPU time, user and system.", one(cpuSeconds));
  text.gauge("process_uptime_seconds", "Time since the start.", one(uptimeSeconds));
  return text.toString();
}

function controlPlane(text: MetricsText, input: MetricsInput, services: ServiceEntry[]): void {
  const { watch, lastHeardAtMs, nowMs } = input;
  const connected = "1 while a control plane answers.";
  text.gauge("weir_agent_control_plane_connected", connected, one(watch.isConnected ? 1 : 0));
  const ageSeconds = lastHeardAtMs === undefined ? Number.NaN : (nowMs - lastHeardAtMs) / 1_000;
  const age = "Time since the control plane was last heard; NaN before the first time.";
  text.gauge("weir_agent_last_update_age_seconds", age, one(ageSeconds));
  const saved = services.filter(({ origin }) => origin === "saved").length;
  const help = "Services that are served from the last-known-good file.";
  text.gauge("weir_agent_services_from_last_known_good", help, one(saved));
  text.gauge(
    "weir_agent_held_endpoints",
    "Endpoints that stay only because the server is not settled.",
    services.map(({ key, set }) => ({ labels: { service: key }, value: set.heldCount })),
  );
}

function attempts(text: MetricsText, services: readonly ServiceEntry[]): void {
  text.counter(
    "weir_agent_requests_total",
    "Attempts by service, endpoint and outcome: 5xx and gateway failures are failures.",
    services.flatMap(({ key, upstream }) =>
      Array.from(upstream.loads).flatMap((load) => {
        const stats = upstream.stats.of(load);
        return CODE_CLASSES.map(([code_class, count]) => ({
          labels: { service: key, endpoint: load.endpoint.id, code_class },
          value: count(stats),
        }));
      }),
    ),
  );
  text.counter(
    "weir_agent_endpoint_attempts_total",
    "Attempts begun by service and endpoint, retries included.",
    services.flatMap(({ key, upstream }) =>
      Array.from(upstream.loads).map((load) => ({
        labels: { service: key, endpoint: load.endpoint.id },
        value: upstream.stats.of(load).begun,
      })),
    ),
  );
  text.histogram(
    "weir_agent_request_duration_seconds",
    "Time to the end of each attempt, cancelled ones left out.",
    BOUNDS_SECONDS,
    services.map(({ key, upstream }) => {
      const { counts, sumMs } = upstream.stats.latency;
      return { labels: { service: key }, counts, sum: sumMs / 1_000 };
    }),
  );
}

function counters(text: MetricsText, services: readonly ServiceEntry[]): void {
  const families = [
    ["weir_agent_retries_total", "Attempts beyond a request's first.", "retries"],
    ["weir_agent_retries_refused_total", "Retries that the budget refused.", "retriesRefused"],
    ["weir_agent_unavailable_total", "Requests that found no endpoint.", "unavailable"],
  ] as const;
  for (const [name, help, field] of families) {
    const samples = services.map(({ key, upstream }) => ({
      labels: { service: key },
      value: upstream.stats[field],
    }));
    text.counter(name, help, samples);
  }
}

function endpoints(text: MetricsText, services: readonly ServiceEntry[]): void {
  text.gauge(
    "weir_agent_endpoints",
    "Endpoints known, by service.",
    services.map(({ key, upstream }) => ({
      labels: { service: key },
      value: upstream.endpointCount,
    })),
  );
  text.gauge(
    "weir_agent_candidates",
    "Endpoints that may be picked now, by service.",
    services.map(({ key, upstream }) => ({
      labels: { service: key },
      value: upstream.candidates.length,
    })),
  );
}

function one(value: number): Sample[] {
  return [{ value }];
}
