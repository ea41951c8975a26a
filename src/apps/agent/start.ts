import { serviceKey } from "../../core/model/names.ts";
import type { Random } from "../../core/model/random.ts";
import { routeTable } from "../../core/routing/match.ts";
import { AccessLog } from "../../data-plane/access-log.ts";
import { poolKey } from "../../data-plane/attempt-target.ts";
import { EndpointWatch } from "../../data-plane/endpoint-watch.ts";
import { HealthMonitor } from "../../data-plane/health-monitor.ts";
import { RegistrationKeeper } from "../../data-plane/registration-keeper.ts";
import { RequestPath } from "../../data-plane/request-path.ts";
import { ServiceTable } from "../../data-plane/service-table.ts";
import { settingsFor } from "../../data-plane/settings.ts";
import { StateSaver } from "../../data-plane/state-saver.ts";
import type { AdminRoutes } from "../../ports/admin-http.ts";
import type { AttachSource } from "../../ports/attach-source.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ExchangeHandler } from "../../ports/exchange.ts";
import type { LastKnownGood } from "../../ports/last-known-good.ts";
import type { Log } from "../../ports/log.ts";
import type { Prober } from "../../ports/prober.ts";
import type { WatchSource } from "../../ports/watch-source.ts";
import { adminPages } from "./admin.ts";
import type { AgentConfig } from "./config.ts";
import { agentMetrics, type ProcessFigures } from "./metrics.ts";

/** What an agent needs of the world. */
export interface AgentWorld {
  readonly softwareVersion: string;
  readonly clock: Clock;
  /** For the request path: fast, and not for secrets. */
  readonly random: Random;
  readonly log: Log;
  /** Unique for ever. */
  readonly newId: () => string;
  readonly watchSource: WatchSource;
  readonly attachSource: AttachSource;
  readonly prober: Prober;
  readonly lastKnownGood: LastKnownGood;
  readonly processFigures: () => ProcessFigures;
  /** Connections to that process are of no use any more. */
  readonly retirePool: (key: string) => void;
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
  const { clock, random, log, softwareVersion } = world;
  const parts: { watch?: EndpointWatch; keeper?: RegistrationKeeper; id: string } = { id: "" };
  const table = newTable(config, world, parts, () => saver.changed());
  const saver = new StateSaver({
    store: world.lastKnownGood,
    clock,
    log,
    content: () => table.saved(),
  });
  for (const { namespace, service } of config.subscribe) table.subscribe(namespace, service);
  restore(table, world);
  const path = new RequestPath({
    clock,
    random,
    table,
    routes: routeTable(config.namespace, config.routes),
    accessLog: new AccessLog(log, config.accessLog),
  });
  const monitor = new HealthMonitor({
    clock,
    random,
    prober: world.prober,
    onChange: (key, health, detail) => parts.keeper?.healthChanged(key, health, detail),
  });
  const watchState = () => parts.watch?.state ?? NOT_STARTED;
  const pages = adminPages({
    agentId: () => parts.id,
    version: softwareVersion,
    config: () => config.sources,
    whyNotReady: () => whyNotReady(config, table, parts.watch),
    services: () => table.entries(),
    instances: () => parts.keeper?.views() ?? [],
    watch: watchState,
    nowMs: () => clock.nowMs(),
    metrics: () =>
      agentMetrics({
        version: softwareVersion,
        nowMs: clock.nowMs(),
        watch: watchState(),
        lastHeardAtMs: parts.watch?.lastHeardAtMs,
        services: table.entries(),
        inFlight: path.inFlight,
        process: world.processFigures(),
      }),
  });
  return {
    handler: path,
    pages,
    start(id) {
      parts.id = id;
      parts.watch = newWatch(config, world, table, id);
      parts.keeper = newKeeper(config, world, id);
      parts.watch.start();
      parts.keeper.start();
      for (const { key, probe } of config.instances)
        if (probe !== undefined) monitor.add(key, probe);
    },
    async deregister() {
      monitor.stop();
      await parts.keeper?.stop();
    },
    async stop() {
      await parts.watch?.stop();
      await saver.stop();
    },
  };
}

const NOT_STARTED = { isConnected: false, address: "", replicaId: "", problem: "not started" };

function newTable(
  config: AgentConfig,
  { clock, log, retirePool }: AgentWorld,
  parts: { watch?: EndpointWatch },
  onChange: () => void,
): ServiceTable {
  return new ServiceTable({
    clock,
    log,
    wantsAll: config.subscribeAll,
    settingsOf: (key) => settingsFor(config, key),
    isPolicyFixed: (key) => config.services.get(key)?.policy !== undefined,
    onSubscribe: (namespace, service) => parts.watch?.subscribe(namespace, service),
    onIdle: (key, endpoint) => {
      parts.watch?.becameIdle(key, endpoint);
      retirePool(poolKey(key, endpoint.id, endpoint.registrationId));
    },
    onChange,
  });
}

function newWatch(config: AgentConfig, world: AgentWorld, services: ServiceTable, id: string) {
  const { clock, random, log, softwareVersion, watchSource } = world;
  return new EndpointWatch({
    source: watchSource,
    addresses: config.controlPlane,
    hello: { agentId: id, isDataPlane: true, locality: config.locality, softwareVersion },
    services,
    clock,
    random,
    log,
  });
}

function newKeeper(config: AgentConfig, world: AgentWorld, id: string): RegistrationKeeper {
  const { clock, random, log, softwareVersion, attachSource, newId } = world;
  return new RegistrationKeeper({
    source: attachSource,
    addresses: config.controlPlane,
    clientId: id,
    softwareVersion,
    instances: config.instances,
    newId,
    clock,
    random,
    log,
  });
}

function restore(table: ServiceTable, { lastKnownGood, clock, log }: AgentWorld): void {
  const saved = lastKnownGood.load();
  if (saved === undefined) return;
  table.restore(saved);
  const ageSeconds = Math.round((clock.wallMs() - saved.savedAtWallMs) / 1_000);
  const fields = { services: saved.services.length, ageSeconds };
  log.info(fields, "serving what an earlier run knew until a control plane answers");
}

/** Empty once every service that was asked for up front has an answer, from a server or from disk. */
function whyNotReady(
  config: AgentConfig,
  table: ServiceTable,
  watch: EndpointWatch | undefined,
): string[] {
  if (watch === undefined) return ["the listener is not open yet"];
  const { isConnected, address, problem } = watch.state;
  const server = isConnected ? `${address} has not answered` : `no control plane: ${problem}`;
  const missing = config.subscribe
    .map(({ namespace, service }) => serviceKey(namespace, service))
    .filter((key) => table.entry(key)?.origin === "waiting")
    .map((key) => `nothing is known of ${key} yet (${server})`);
  const knowsNothing = config.subscribeAll && !isConnected && table.size === 0;
  return knowsNothing ? [...missing, `no service is known yet (${server})`] : missing;
}
