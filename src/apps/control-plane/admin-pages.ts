import { readinessText } from "../../core/model/readiness-check.ts";
import type { AdminRoutes } from "../../ports/admin-http.ts";
import type { PageRequest } from "../../ports/registry-service.ts";
import { serverMetrics } from "./metrics.ts";
import { Readiness } from "./readiness.ts";
import type { ControlPlane } from "./start.ts";

/** Whole lists: the admin port is for people on this machine. */
const EVERYTHING: PageRequest = { size: Number.MAX_SAFE_INTEGER, token: "" };

/** What the server's admin port answers. */
export function adminPages(plane: ControlPlane, isDraining: () => boolean): AdminRoutes {
  const { replica, admin } = plane;
  const readiness = new Readiness();
  return {
    "/healthz": () => ({ status: 200, body: "ok\n" }),
    "/readyz": ({ query }) => {
      const cluster = admin.cluster();
      const isGoing = isDraining() || admin.isDraining;
      const facts = { isDraining: isGoing, status: admin.status(), cluster };
      const gates = readiness.gates(facts);
      const failing = gates.find(({ state }) => state === "failing");
      const status = failing === undefined ? 200 : 503;
      if (!query.has("verbose")) return { status, body: `${failing?.why ?? "ready"}\n` };
      return { status, body: readinessText(readiness.checks(facts, admin.resources())) };
    },
    "/version": () => ({ status: 200, body: { version: admin.status().softwareVersion } }),
    "/status": () => ({ status: 200, body: { ...admin.status(), ...admin.resources() } }),
    "/metrics": () => ({
      status: 200,
      body: serverMetrics(plane),
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
    "/members": () => ({ status: 200, body: admin.cluster() ?? { members: [] } }),
    "/agents": () => ({ status: 200, body: admin.agents(EVERYTHING).items }),
  };
}
