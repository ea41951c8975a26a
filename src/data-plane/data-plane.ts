import { SeenPositions } from "../core/discovery/seen-positions.ts";
import type { Health } from "../core/model/instance.ts";
import { serviceKey } from "../core/model/names.ts";
import type { Random } from "../core/model/random.ts";
import { type PathRoute, routeTable } from "../core/routing/match.ts";
import type { AttachSource } from "../ports/attach-source.ts";
import type { Clock } from "../ports/clock.ts";
import type { LastKnownGood } from "../ports/last-known-good.ts";
import type { Log } from "../ports/log.ts";
import type { NameResolver } from "../ports/name-resolver.ts";
import type { Prober } from "../ports/prober.ts";
import type { WatchSource } from "../ports/watch-source.ts";
import { AccessLog, type AccessLogMode } from "./access-log.ts";
import { poolKey } from "./attempt-target.ts";
import type { ConnectionNews, ConnectionState } from "./connection-loop.ts";
import { EndpointWatch } from "./endpoint-watch.ts";
import { HealthMonitor } from "./health-monitor.ts";
import type { KeptView } from "./kept-instance.ts";
import type { LocalInstance } from "./local-instance.ts";
import { RegistrationKeeper } from "./registration-keeper.ts";
import { ReplicaList } from "./replica-list.ts";
import { RequestPath } from "./request-path.ts";
import { ServiceTable } from "./service-table.ts";
import { type DataPlaneConfig, settingsFor } from "./settings.ts";
import { StateSaver } from "./state-saver.ts";

/** What a data plane needs of the world. */
export interface DataPlaneWorld {
  readonly softwareVersion: string;
  readonly clock: Clock;
  /** For the request path: fast, and not for secrets. */
  readonly random: Random;
  readonly log: Log;
  /** Unique for ever. */
  readonly newId: () => string;
  readonly watchSource: WatchSource;
  readonly attachSource: AttachSource;
  /** Without it, names are left to the sources. */
  readonly nameResolver?: NameResolver;
  readonly prober: Prober;
  readonly lastKnownGood: LastKnownGood;
  /** Connections to that process are of no use any more. */
  readonly retirePool: (key: string) => void;
}

export interface DataPlaneOptions {
  /** Unique among agents. */
  readonly id: () => string;
  readonly config: DataPlaneConfig;
  readonly routes: readonly PathRoute[];
  readonly accessLog: AccessLogMode;
  /** Told of every change of a local instance's registration. */
  readonly onRegistration?: (instance: KeptView) => void;
  /** Told when the Watch stream came, went or could not be opened. */
  readonly onConnection?: (news: ConnectionNews) => void;
}

const NOT_STARTED = { isConnected: false, address: "", replicaId: "", problem: "not started" };

/**
 * Everything between an application and the mesh but sockets for requests: what the agent and the
 * library have in common. Watches services, keeps local instances registered and probed, and
 * takes requests on their way.
 */
export class DataPlane {
  readonly table: ServiceTable;
  readonly path: RequestPath;
  readonly #options: DataPlaneOptions;
  readonly #world: DataPlaneWorld;
  readonly #saver: StateSaver;
  readonly #monitor: HealthMonitor;
  readonly #replicas: ReplicaList;
  readonly #seen = new SeenPositions();
  #watch: EndpointWatch | undefined;
  #keeper: RegistrationKeeper | undefined;

  constructor(options: DataPlaneOptions, world: DataPlaneWorld) {
    const { config, routes, accessLog } = options;
    const { clock, random, log, prober, lastKnownGood } = world;
    this.#options = options;
    this.#world = world;
    this.#replicas = new ReplicaList(config.controlPlane, random);
    this.table = this.#newTable();
    const content = () => ({ services: this.table.saved(), positions: this.#seen.list() });
    this.#saver = new StateSaver({ store: lastKnownGood, clock, log, content });
    for (const { namespace, service } of config.subscribe) this.table.subscribe(namespace, service);
    this.#restore();
    this.path = new RequestPath({
      clock,
      random,
      table: this.table,
      routes: routeTable(config.namespace, routes),
      accessLog: new AccessLog(log, accessLog),
    });
    this.#monitor = new HealthMonitor({
      clock,
      random,
      prober,
      onChange: (key, health, detail) => this.#keeper?.healthChanged(key, health, detail),
    });
  }

  get connection(): ConnectionState {
    return this.#watch?.state ?? NOT_STARTED;
  }

  /** Monotonic time of the last sign of life of a control plane; `undefined` before the first. */
  get lastHeardAtMs(): number | undefined {
    return this.#watch?.lastHeardAtMs;
  }

  /** The local instances and what became of them. */
  instances(): KeptView[] {
    return this.#keeper?.views() ?? [];
  }

  /** Connects to the control plane. Call it when requests can come in. */
  start(): void {
    this.#watch = this.#newWatch();
    this.#keeper = this.#newKeeper();
    this.#watch.start();
  }

  /** Registers an instance and keeps it; probed, it is registered with the first verdict. */
  add(local: LocalInstance): void {
    this.#keeper?.add(local);
    if (local.probe !== undefined) this.#monitor.add(local.key, local.probe);
  }

  /** For an instance that says itself how it is. */
  setHealth(key: string, health: Health, detail: string): void {
    this.#keeper?.healthChanged(key, health, detail);
  }

  /** Deregisters one instance. Resolves when the server confirmed it, or did not in time. */
  async remove(key: string): Promise<void> {
    this.#monitor.remove(key);
    await this.#keeper?.remove(key);
  }

  /** Takes the local instances out; requests may still come in. */
  async deregister(): Promise<void> {
    this.#monitor.stop();
    await this.#keeper?.stop();
  }

  /** Says goodbye and saves what is known; no request may come in any more. */
  async stop(): Promise<void> {
    await this.#watch?.stop();
    await this.#saver.stop();
  }

  /** Empty once every service that was asked for up front has an answer, from a server or from disk. */
  whyNotReady(): string[] {
    if (this.#watch === undefined) return ["the listener is not open yet"];
    const { subscribe, subscribeAll } = this.#options.config;
    const { isConnected, address, problem } = this.#watch.state;
    const server = isConnected ? `${address} has not answered` : `no control plane: ${problem}`;
    const missing = subscribe
      .map(({ namespace, service }) => serviceKey(namespace, service))
      .filter((key) => this.table.entry(key)?.origin === "waiting")
      .map((key) => `nothing is known of ${key} yet (${server})`);
    const knowsNothing = subscribeAll && !isConnected && this.table.size === 0;
    return knowsNothing ? [...missing, `no service is known yet (${server})`] : missing;
  }

  #newTable(): ServiceTable {
    const { config } = this.#options;
    const { clock, log, retirePool } = this.#world;
    return new ServiceTable({
      clock,
      log,
      wantsAll: config.subscribeAll,
      settingsOf: (key) => settingsFor(config, key),
      isPolicyFixed: (key) => config.services.get(key)?.policy !== undefined,
      onSubscribe: (namespace, service) => this.#watch?.subscribe(namespace, service),
      onIdle: (key, endpoint) => {
        this.#watch?.becameIdle(key, endpoint);
        retirePool(poolKey(key, endpoint.id, endpoint.registrationId));
      },
      onChange: () => this.#saver.changed(),
    });
  }

  #newWatch(): EndpointWatch {
    const { config, id, onConnection } = this.#options;
    const { clock, random, log, softwareVersion, watchSource, nameResolver } = this.#world;
    return new EndpointWatch({
      source: watchSource,
      replicas: this.#replicas,
      ...(nameResolver && { resolver: nameResolver }),
      hello: { agentId: id(), isDataPlane: true, locality: config.locality, softwareVersion },
      services: this.table,
      seen: this.#seen,
      clock,
      random,
      log,
      ...(onConnection && { onConnection }),
    });
  }

  #newKeeper(): RegistrationKeeper {
    const { id, onRegistration } = this.#options;
    const { clock, random, log, softwareVersion, attachSource, newId, nameResolver } = this.#world;
    return new RegistrationKeeper({
      source: attachSource,
      replicas: this.#replicas,
      ...(nameResolver && { resolver: nameResolver }),
      clientId: id(),
      softwareVersion,
      newId,
      clock,
      random,
      log,
      ...(onRegistration && { onChange: onRegistration }),
    });
  }

  #restore(): void {
    const { lastKnownGood, clock, log } = this.#world;
    const saved = lastKnownGood.load();
    if (saved === undefined) return;
    this.table.restore(saved.services);
    this.#seen.saw(saved.positions);
    const ageSeconds = Math.round((clock.wallMs() - saved.savedAtWallMs) / 1_000);
    const fields = { services: saved.services.length, ageSeconds };
    log.info(fields, "serving what an earlier run knew until a control plane answers");
  }
}
