import { DataPlane, type DataPlaneWorld } from "../../data-plane/data-plane.ts";
import type { AdminRoutes } from "../../ports/admin-http.ts";
import type { ExchangeHandler } from "../../ports/exchange.ts";
import { adminPages } from "./admin.ts";
import type { AgentConfig } from "./config.ts";
import { agentMetrics, type ProcessFigures } from "./metrics.ts";

/** What an agent needs of the world. */
export interface AgentWorld extends DataPlaneWorld {
  readonly processFigures: () => ProcessFigures;
}

/** An agent without its doors: what listens is the program's. */
export interface Agent {
  readonly handler: ExchangeHandler;
  readonly pages: AdminRoutes;
  /** Connects to the control plane. Call it when requests can come in. @param id unique among agents. */
  start(id: string): void;
  /** Takes the local instances out; requests may still come in. */
  deregister(): Promise<void>;
  /** Says goodbye and saves what is known; no request may come in any more. */
  stop(): Promise<void>;
}

/** Assembles an agent: everything but sockets for requests. */
export function assembleAgent(config: AgentConfig, world: AgentWorld): Agent {
  const { clock, softwareVersion, processFigures } = world;
  let agentId = "";
  const { routes, accessLog } = config;
  const plane = new DataPlane({ id: () => agentId, config, routes, accessLog }, world);
  const pages = adminPages({
    agentId: () => agentId,
    version: softwareVersion,
    config: () => config.sources,
    whyNotReady: () => plane.whyNotReady(),
    services: () => plane.table.entries(),
    instances: () => plane.instances(),
    watch: () => plane.connection,
    nowMs: () => clock.nowMs(),
    metrics: () =>
      agentMetrics({
        version: softwareVersion,
        nowMs: clock.nowMs(),
        watch: plane.connection,
        lastHeardAtMs: plane.lastHeardAtMs,
        services: plane.table.entries(),
        inFlight: plane.path.inFlight,
        process: processFigures(),
      }),
  });
  return {
    handler: plane.path,
    pages,
    start(id) {
      agentId = id;
      plane.start();
      for (const instance of config.instances) plane.add(instance);
    },
    deregister: () => plane.deregister(),
    stop: () => plane.stop(),
  };
}
