import type { EndpointLoad } from "../core/balancing/endpoint-load.ts";
import type { ServiceKey } from "../core/model/names.ts";
import type { Random } from "../core/model/random.ts";
import type {
  ChannelEndpoint,
  ChannelService,
  ChannelServiceState,
  ChannelServices,
} from "../ports/channel-balancing.ts";
import type { Clock } from "../ports/clock.ts";
import { BalancedEndpoint, grpcPort } from "./channel-endpoint.ts";
import type { ServiceEntry, ServiceTable } from "./service-table.ts";

/** A running control plane answers within milliseconds, a starting one within seconds. */
export const FIRST_ANSWER_MS = 5_000;

export interface ChannelBalancerOptions {
  readonly table: ServiceTable;
  readonly clock: Clock;
  readonly random: Random;
  /** Of services whose namespace is not named. */
  readonly namespace: string;
}

/** Balances the calls of channels over the services of a table. */
export class ChannelBalancer implements ChannelServices {
  readonly #options: ChannelBalancerOptions;
  /**
   * Stands for the client's address in policies that hash it: a process is one client, so all of
   * its channels go to the same endpoint.
   */
  readonly #clientKey: number;

  constructor(options: ChannelBalancerOptions) {
    this.#options = options;
    this.#clientKey = Math.floor(options.random() * 2 ** 32);
  }

  open(namespace: string | undefined, service: string): ChannelService | undefined {
    const { table } = this.#options;
    const entry = table.subscribe(namespace ?? this.#options.namespace, service);
    if (entry === undefined) return undefined;
    return new BalancedService(entry, this.#options, this.#clientKey);
  }
}

const NOTHING_TRIED: readonly EndpointLoad[] = [];

/** A service for one channel. Its load and its policy are those of everything in this process. */
class BalancedService implements ChannelService {
  readonly key: ServiceKey;
  readonly #entry: ServiceEntry;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #clientKey: number;
  readonly #listeners = new Set<() => void>();
  readonly #unfollow: () => void;
  readonly #cancelTimer: () => void;
  #isOverdue = false;
  #byLoad = new Map<EndpointLoad, BalancedEndpoint>();

  constructor(entry: ServiceEntry, options: ChannelBalancerOptions, clientKey: number) {
    this.key = entry.key;
    this.#entry = entry;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#clientKey = clientKey;
    this.#unfollow = options.table.follow(entry, () => this.#changed());
    this.#cancelTimer = this.#clock.after(FIRST_ANSWER_MS, () => this.#overdue());
    if (this.state === "known") this.#cancelTimer();
    this.#refresh();
  }

  get state(): ChannelServiceState {
    if (this.#entry.origin !== "waiting") return "known";
    return this.#isOverdue ? "overdue" : "waiting";
  }

  endpoints(): Iterable<ChannelEndpoint> {
    return this.#byLoad.values();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  pick(unreachable: readonly ChannelEndpoint[]): ChannelEndpoint | undefined {
    const tried = unreachable.length === 0 ? NOTHING_TRIED : this.#loadsOf(unreachable);
    const { upstream } = this.#entry;
    const load = upstream.pick(this.#clock.nowMs(), this.#random, this.#clientKey, tried);
    return load === undefined ? undefined : this.#byLoad.get(load);
  }

  whyEmpty(): string {
    const { upstream } = this.#entry;
    const { port } = upstream.settings;
    if (upstream.candidates.length === 0 || port === undefined) return upstream.whyEmpty();
    return `no endpoint of ${this.key} has a port "${port}": correct the service's port in this mesh's settings`;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  close(): void {
    this.#unfollow();
    this.#cancelTimer();
    this.#listeners.clear();
  }

  #loadsOf(endpoints: readonly ChannelEndpoint[]): EndpointLoad[] {
    const wanted = new Set(endpoints);
    const loads: EndpointLoad[] = [];
    for (const [load, endpoint] of this.#byLoad) if (wanted.has(endpoint)) loads.push(load);
    return loads;
  }

  #overdue(): void {
    this.#isOverdue = true;
    this.#tell();
  }

  #changed(): void {
    this.#cancelTimer();
    this.#refresh();
    this.#tell();
  }

  /** Keeps the object of every endpoint that stayed where it was: its connection stays with it. */
  #refresh(): void {
    const { upstream } = this.#entry;
    const former = this.#byLoad;
    this.#byLoad = new Map();
    for (const load of upstream.loads) {
      const { address } = load.endpoint;
      const port = grpcPort(load.endpoint, upstream.settings.port)?.port;
      if (port === undefined) continue;
      const known = former.get(load);
      if (known?.isAt(address, port)) this.#byLoad.set(load, known);
      else this.#byLoad.set(load, new BalancedEndpoint(load, port, upstream, this.#clock));
    }
    for (const [load, endpoint] of former) {
      if (this.#byLoad.get(load) !== endpoint) endpoint.hasLeft = true;
    }
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
