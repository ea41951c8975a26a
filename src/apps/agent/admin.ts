import type { EndpointLoad } from "../../core/balancing/endpoint-load.ts";
import { formatAddress } from "../../core/model/instance.ts";
import { readinessText } from "../../core/model/readiness-check.ts";
import type { ConnectionState } from "../../data-plane/connection-loop.ts";
import type { KeptView } from "../../data-plane/kept-instance.ts";
import type { ServiceEntry } from "../../data-plane/service-table.ts";
import type { AdminRequest, AdminResponse, AdminRoutes } from "../../ports/admin-http.ts";
import { readinessChecks } from "./readiness.ts";

/** What the pages show of the running agent. */
export interface AdminInput {
  readonly agentId: () => string;
  readonly version: string;
  readonly config: () => unknown;
  /** What is missing before requests can be served; empty when ready. */
  readonly whyNotReady: () => readonly string[];
  readonly metrics: () => string;
  readonly services: () => Iterable<ServiceEntry>;
  readonly instances: () => readonly KeptView[];
  readonly watch: () => ConnectionState;
  readonly nowMs: () => number;
}

const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** The agent's admin pages. */
export function adminPages(input: AdminInput): AdminRoutes {
  const ready = ({ query }: AdminRequest) => readiness(input, query.has("verbose"));
  return {
    "/healthz": () => text(200, "ok"),
    "/ready": ready,
    "/readyz": ready,
    "/metrics": () => ({ status: 200, contentType: METRICS_CONTENT_TYPE, body: input.metrics() }),
    "/endpoints": ({ query }) => json(endpointsPage(input, query.get("service"))),
    "/instances": () => json({ instances: input.instances() }),
    "/config": () => json(input.config()),
    "/version": () => json({ name: "weir agent", id: input.agentId(), version: input.version }),
  };
}

function readiness(input: AdminInput, isVerbose: boolean): AdminResponse {
  const missing = input.whyNotReady();
  const status = missing.length === 0 ? 200 : 503;
  if (isVerbose) return { status, body: readinessText(readinessChecks(input, missing)) };
  return text(status, missing.length === 0 ? "ready" : missing.join("\n"));
}

/** What the agent holds, and whether it would pick it. @param only `namespace/service`. */
function endpointsPage(input: AdminInput, only: string | undefined) {
  const nowMs = input.nowMs();
  const services = [...input.services()].filter(({ key }) => only === undefined || key === only);
  return {
    controlPlane: input.watch(),
    services: services.map((entry) => serviceView(entry, nowMs)),
  };
}

function serviceView(entry: ServiceEntry, nowMs: number) {
  const { key, upstream, set, defaults, origin, exists, updatedAtMs, unknownPolicy } = entry;
  const candidates = new Set(upstream.candidates);
  return {
    service: key,
    policy: upstream.settings.policy,
    ...(unknownPolicy === "" ? {} : { unknownPolicy }),
    protocol: defaults?.protocol,
    origin,
    exists,
    version: set.version,
    ageMs: updatedAtMs === undefined ? undefined : Math.round(nowMs - updatedAtMs),
    heldEndpoints: set.heldCount,
    ...(candidates.size === 0 ? { problem: upstream.whyEmpty() } : {}),
    endpoints: Array.from(upstream.loads, (load) => endpointView(load, candidates, entry, nowMs)),
  };
}

function endpointView(
  load: EndpointLoad,
  candidates: ReadonlySet<EndpointLoad>,
  { upstream }: ServiceEntry,
  nowMs: number,
) {
  const { endpoint } = load;
  const { id, registrationId, address, ports, weight, priority, locality, state } = endpoint;
  const stats = upstream.stats.of(load);
  const isPicked = candidates.has(load);
  return {
    id,
    registrationId,
    address: formatAddress(address, ports[0]?.port ?? 0),
    ports,
    weight,
    priority,
    locality,
    state,
    metadata: Object.fromEntries(endpoint.metadata),
    isPicked,
    ...(isPicked ? {} : { whyNot: whyNot(load) }),
    inFlight: load.inFlight,
    ewmaMs: Math.round(load.decayedEwmaMs(nowMs) * 1_000) / 1_000,
    requests: { succeeded: stats.succeeded, failed: stats.failed, cancelled: stats.cancelled },
  };
}

/** Only asked of endpoints that are not picked. */
function whyNot({ endpoint: { state, weight, priority } }: EndpointLoad): string {
  if (state === "unhealthy") return "its probe or its own report says unhealthy";
  if (state === "draining") return "it is draining, and others can take its requests";
  if (weight === 0) return "its weight is 0, and others have weight";
  return `its priority is ${priority}, and endpoints of a smaller priority can serve`;
}

function json(body: unknown): AdminResponse {
  return { status: 200, body };
}

function text(status: number, message: string): AdminResponse {
  return { status, body: `${message}\n` };
}
