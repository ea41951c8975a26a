import { isPolicyName } from "../core/balancing/policy.ts";
import type { ApplyResult } from "../core/discovery/apply-result.ts";
import { EndpointSet } from "../core/discovery/endpoint-set.ts";
import type { Update } from "../core/discovery/update.ts";
import type { Endpoint } from "../core/model/endpoint.ts";
import type { ServiceDefaults } from "../core/model/instance.ts";
import { isName, type ServiceKey, serviceKey, splitServiceKey } from "../core/model/names.ts";
import type { Clock } from "../ports/clock.ts";
import type { SavedService } from "../ports/last-known-good.ts";
import type { Log } from "../ports/log.ts";
import type { ServiceSubscription } from "../ports/watch-source.ts";
import type { WatchedServices } from "./endpoint-watch.ts";
import { type ServiceSettings, UpstreamService } from "./upstream-service.ts";

/** What a server lets one stream subscribe to; an agent in front of more wants `*`. */
export const MAX_SERVICES = 10_000;

/** Requests that wait for a service's first answer: each holds a connection of the listener anyway. */
const MAX_WAITERS_A_SERVICE = 1_000;

/** One service as the table holds it. */
export interface ServiceEntry {
  readonly key: ServiceKey;
  readonly upstream: UpstreamService;
  readonly set: EndpointSet;
  /** What its instances say of it; `undefined` when nothing is known. */
  defaults: ServiceDefaults | undefined;
  /** `waiting` until the first answer; `saved` came from disk; `live` from a server. */
  origin: "waiting" | "saved" | "live";
  /** False when the server says that nobody ever registered. */
  exists: boolean;
  /** Monotonic; `undefined` before the first answer of a server. */
  updatedAtMs: number | undefined;
  /** A policy that the service asks for and this agent does not know. */
  unknownPolicy: string;
}

export interface ServiceTableOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Every service is wanted: `subscribe: ["*"]`. */
  readonly wantsAll: boolean;
  readonly settingsOf: (key: ServiceKey) => ServiceSettings;
  /** Whether the configuration fixes that service's policy: then its defaults do not count. */
  readonly isPolicyFixed: (key: ServiceKey) => boolean;
  /** A service that nobody asked for before. */
  readonly onSubscribe: (namespace: string, service: string) => void;
  /** The last request to an endpoint that drains or left ended. */
  readonly onIdle: (key: ServiceKey, endpoint: Endpoint) => void;
  /** Something changed that is worth saving. */
  readonly onChange: () => void;
}

/** The services that this agent knows, by name. */
export class ServiceTable implements WatchedServices {
  readonly wantsAll: boolean;
  readonly #options: ServiceTableOptions;
  readonly #entries = new Map<ServiceKey, ServiceEntry>();
  readonly #waiters = new Map<ServiceKey, Set<(upstream: UpstreamService) => void>>();
  /** Told of every change of a service's endpoints, in the order in which they came. */
  readonly #followers = new Map<ServiceKey, Set<() => void>>();
  #isFullReported = false;

  constructor(options: ServiceTableOptions) {
    this.#options = options;
    this.wantsAll = options.wantsAll;
  }

  get size(): number {
    return this.#entries.size;
  }

  entries(): Iterable<ServiceEntry> {
    return this.#entries.values();
  }

  entry(key: ServiceKey): ServiceEntry | undefined {
    return this.#entries.get(key);
  }

  /** A service whose first answer has arrived, from a server or from disk. */
  lookup(namespace: string, service: string): UpstreamService | undefined {
    const entry = this.#entries.get(serviceKey(namespace, service));
    return entry === undefined || entry.origin === "waiting" ? undefined : entry.upstream;
  }

  /**
   * Subscribes on demand and waits for the first answer.
   * @returns `undefined` on timeout, for what is no name, and when the table is full.
   */
  waitFor(
    namespace: string,
    service: string,
    timeoutMs: number,
  ): Promise<UpstreamService | undefined> {
    const entry = this.subscribe(namespace, service);
    if (entry === undefined) return Promise.resolve(undefined);
    if (entry.origin !== "waiting") return Promise.resolve(entry.upstream);
    const waiters = this.#waiters.get(entry.key) ?? new Set();
    if (waiters.size >= MAX_WAITERS_A_SERVICE) return Promise.resolve(undefined);
    this.#waiters.set(entry.key, waiters);
    return new Promise((resolve) => {
      const answered = (upstream: UpstreamService) => {
        cancel();
        resolve(upstream);
      };
      const cancel = this.#options.clock.after(timeoutMs, () => {
        waiters.delete(answered);
        resolve(undefined);
      });
      waiters.add(answered);
    });
  }

  /** @returns the service's entry, new or old; `undefined` for what is no name, or when the table is full. */
  subscribe(namespace: string, service: string): ServiceEntry | undefined {
    const known = this.#entries.get(serviceKey(namespace, service));
    if (known !== undefined) return known;
    const entry = this.#add(namespace, service);
    if (entry !== undefined) this.#options.onSubscribe(namespace, service);
    return entry;
  }

  /**
   * Calls `listener` at a service's first answer and after every change of its endpoints from
   * then on, before the update is acknowledged. @returns how to stop.
   */
  follow({ key }: ServiceEntry, listener: () => void): () => void {
    const followers = this.#followers.get(key) ?? new Set();
    this.#followers.set(key, followers);
    followers.add(listener);
    return () => {
      if (followers.delete(listener) && followers.size === 0) this.#followers.delete(key);
    };
  }

  /** Starts from what an earlier run saved; a service that has an answer keeps it. */
  restore(services: readonly SavedService[]): void {
    for (const { namespace, service, defaults, endpoints, resume } of services) {
      const entry =
        this.#entries.get(serviceKey(namespace, service)) ?? this.#add(namespace, service);
      if (entry === undefined || entry.origin !== "waiting") continue;
      entry.set.restore(endpoints, resume);
      if (defaults !== undefined) this.#setDefaults(entry, defaults);
      entry.upstream.update(entry.set.endpoints());
      this.#answered(entry, "saved");
      this.#changed(entry.key);
    }
  }

  /** What a later run can start from. */
  saved(): SavedService[] {
    const saved: SavedService[] = [];
    for (const { key, set, defaults, origin } of this.#entries.values()) {
      const resume = set.resumeToken();
      if (origin === "waiting" || resume === undefined || set.endpoints().length === 0) continue;
      const service = { ...splitServiceKey(key), endpoints: set.endpoints(), resume };
      saved.push(defaults === undefined ? service : { ...service, defaults });
    }
    return saved;
  }

  subscriptions(): ServiceSubscription[] {
    return Array.from(this.#entries.values(), subscriptionOf);
  }

  resumeOf(namespace: string, service: string): ServiceSubscription {
    const entry = this.#entries.get(serviceKey(namespace, service));
    return entry ? subscriptionOf(entry) : { namespace, service, resume: undefined };
  }

  forgetPosition(namespace: string, service: string): void {
    this.#entries.get(serviceKey(namespace, service))?.set.forgetPosition();
  }

  inFlightOf(key: ServiceKey, { id, registrationId }: Endpoint): number {
    return this.#entries.get(key)?.upstream.inFlightOf(id, registrationId) ?? 0;
  }

  retiredOf(key: ServiceKey): readonly Endpoint[] {
    const retired = this.#entries.get(key)?.upstream.retired ?? [];
    return Array.from(retired, ({ endpoint }) => endpoint);
  }

  drainingOf(key: ServiceKey): readonly Endpoint[] {
    const endpoints = this.#entries.get(key)?.set.endpoints() ?? [];
    return endpoints.filter(({ state }) => state === "draining");
  }

  apply(update: Update, epoch: number): ApplyResult | undefined {
    const { namespace, service } = update;
    const known = this.#entries.get(serviceKey(namespace, service));
    const entry = known ?? (this.wantsAll ? this.#add(namespace, service) : undefined);
    if (entry === undefined) return undefined;
    if (update.type === "service") {
      this.#setDefaults(entry, update.defaults);
      this.#options.onChange();
      return undefined;
    }
    const result = entry.set.apply(update, epoch);
    const wasWaiting = entry.origin === "waiting";
    if (result.changed) entry.upstream.update(entry.set.endpoints());
    if (result.outcome === "applied") {
      entry.exists = update.kind !== "absent" || update.exists;
      entry.updatedAtMs = this.#options.clock.nowMs();
      this.#answered(entry, "live");
      this.#options.onChange();
    }
    if (result.changed || (wasWaiting && result.outcome === "applied")) this.#changed(entry.key);
    return result;
  }

  #add(namespace: string, service: string): ServiceEntry | undefined {
    if (!isName(namespace) || !isName(service)) return undefined;
    if (this.#entries.size >= MAX_SERVICES && !this.#makeRoom()) return undefined;
    const key = serviceKey(namespace, service);
    const upstream = new UpstreamService(key, this.#options.settingsOf(key));
    upstream.onIdle((endpoint) => this.#options.onIdle(key, endpoint));
    const entry: ServiceEntry = {
      key,
      upstream,
      set: new EndpointSet(),
      defaults: undefined,
      origin: "waiting",
      exists: true,
      updatedAtMs: undefined,
      unknownPolicy: "",
    };
    this.#entries.set(key, entry);
    return entry;
  }

  /**
   * Names that nobody registers, from clients that guess, must not keep out those that
   * somebody does. What is followed stays: its follower would never hear of it again.
   */
  #makeRoom(): boolean {
    for (const [key, { exists }] of this.#entries) {
      if (!exists && !this.#followers.has(key)) return this.#entries.delete(key);
    }
    if (!this.#isFullReported) {
      this.#isFullReported = true;
      const fields = { limit: MAX_SERVICES };
      this.#options.log.error(
        fields,
        "this agent holds as many services as it may; others are unknown to it",
      );
    }
    return false;
  }

  #setDefaults(entry: ServiceEntry, defaults: ServiceDefaults | undefined): void {
    entry.defaults = defaults;
    if (this.#options.isPolicyFixed(entry.key)) return;
    const wanted = defaults?.policy ?? "";
    const isKnown = wanted === "" || isPolicyName(wanted);
    const isNews = !isKnown && entry.unknownPolicy !== wanted;
    entry.unknownPolicy = isKnown ? "" : wanted;
    const fallback = this.#options.settingsOf(entry.key).policy;
    entry.upstream.setPolicy(isPolicyName(wanted) ? wanted : fallback);
    if (!isNews) return;
    const fields = { service: entry.key, policy: wanted, used: fallback };
    this.#options.log.warn(
      fields,
      "this agent does not know the service's policy and uses its own default",
    );
  }

  #changed(key: ServiceKey): void {
    const followers = this.#followers.get(key);
    if (followers === undefined) return;
    for (const listener of [...followers]) listener();
  }

  #answered(entry: ServiceEntry, origin: "saved" | "live"): void {
    entry.origin = origin;
    const waiters = this.#waiters.get(entry.key);
    if (waiters === undefined) return;
    this.#waiters.delete(entry.key);
    for (const answer of waiters) answer(entry.upstream);
  }
}

function subscriptionOf({ key, set }: ServiceEntry): ServiceSubscription {
  return { ...splitServiceKey(key), resume: set.resumeToken() };
}
