import { MetricsText } from "../../core/model/metrics-text.ts";
import type { AdminRoutes } from "../../ports/admin-http.ts";
import type { PageRequest } from "../../ports/registry-service.ts";
import type { ControlPlane } from "./start.ts";

/** Whole lists: the admin port is for people on this machine. */
const EVERYTHING: PageRequest = { size: Number.MAX_SAFE_INTEGER, token: "" };

/** What the server's admin port answers. `/readyz` stays 200 when degraded: a restart would not help. */
export function adminPages(plane: ControlPlane, isDraining: () => boolean): AdminRoutes {
  const { replica, admin } = plane;
  return {
    "/healthz": () => ({ status: 200, body: "ok\n" }),
    "/readyz": ({ query }) => {
      const status = admin.status();
      const isReady = !isDraining();
      if (!query.has("verbose")) {
        return { status: isReady ? 200 : 503, body: isReady ? "ready\n" : "draining\n" };
      }
      return {
        status: isReady ? 200 : 503,
        body: {
          ready: isReady,
          settled: status.isSettled,
          degraded: status.degraded,
          frozen: status.frozen,
        },
      };
    },
    "/version": () => ({ status: 200, body: { version: admin.status().softwareVersion } }),
    "/status": () => ({ status: 200, body: { ...admin.status(), ...admin.resources() } }),
    "/metrics": () => ({
      status: 200,
      body: metricsOf(plane),
      contentType: "text/plain; version=0.0.4; charset=utf-8",
    }),
    "/services": () => ({
      status: 200,
      body: replica.listServices("", EVERYTHING).items.map((service) => ({
        namespace: service.namespace,
        name: service.name,
        instances: service.records.size,
        defaults: service.defaults,
        hasConflictingDefaults: service.hasConflictingDefaults,
      })),
    }),
    "/instances": ({ query }) => {
      const name = query.get("service") ?? "";
      const namespace = query.get("namespace") ?? "default";
      const service = replica.registry.services.get(`${namespace}/${name}` as never);
      if (service === undefined) {
        return {
          status: 404,
          body: `no service ${namespace}/${name}; say ?service=NAME&namespace=NAME\n`,
        };
      }
      const body = service.records.values().map((record) => ({
        ...record.instance,
        state: record.endpoint.state,
        draining: record.isDraining,
        leaseRemainingMs: Math.round(replica.leaseRemainingMs(record)),
        session: record.group.sessionId,
      }));
      return { status: 200, body };
    },
    "/agents": () => ({ status: 200, body: admin.agents(EVERYTHING).items }),
  };
}

function metricsOf({ replica, admin }: ControlPlane): string {
  const status = admin.status();
  const text = new MetricsText();
  const one = (value: number): { value: number }[] => [{ value }];
  const states = new Map<string, number>();
  for (const service of replica.registry.services.values()) {
    for (const { endpoint } of service.records.values()) {
      states.set(endpoint.state, (states.get(endpoint.state) ?? 0) + 1);
    }
  }
  text.gauge("weir_build_info", "The running version.", [
    { labels: { version: status.softwareVersion }, value: 1 },
  ]);
  text.gauge(
    "weir_registry_instances",
    "Registered instances by state.",
    [...states].map(([state, value]) => ({ labels: { state }, value })),
  );
  text.gauge("weir_registry_services", "Known services.", one(status.serviceCount));
  text.gauge("weir_watch_streams", "Open Watch streams.", one(status.watchCount));
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
  return text.toString();
}
