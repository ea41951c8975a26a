import { selectCandidates } from "../core/balancing/candidates.ts";
import { EndpointLoad } from "../core/balancing/endpoint-load.ts";
import { newPolicy } from "../core/balancing/new-policy.ts";
import { FAILURE_RESPONSE_MS } from "../core/balancing/peak-ewma.ts";
import type { Policy, PolicyName } from "../core/balancing/policy.ts";
import { pickUntried, usableOf } from "../core/balancing/untried.ts";
import type { Endpoint, EndpointState } from "../core/model/endpoint.ts";
import { mix32 } from "../core/model/hash.ts";
import { invariant } from "../core/model/invariant.ts";
import type { ServiceKey } from "../core/model/names.ts";
import type { Random } from "../core/model/random.ts";
import { RetryBudget, type RetryBudgetOptions } from "../core/resilience/retry-budget.ts";
import { type Outcome, ServiceStats } from "./service-stats.ts";

/** How an agent treats requests to one service. */
export interface ServiceSettings {
  readonly policy: PolicyName;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** Attempts beyond the first; 0 switches retries off. */
  readonly retryAttempts: number;
  /** 20 % of requests and 10 per second when left out. */
  readonly retryBudget?: RetryBudgetOptions;
  readonly maxConnectionsPerEndpoint: number;
  /** Name of the port to dial; the endpoint's first one when left out. */
  readonly port?: string;
}

/** Draws of the policy before an untried endpoint is searched: enough unless most were tried. */
const MAX_REDRAWS = 4;

/**
 * One service as the request path sees it: who may be picked, what is in flight, how it went.
 * Load is kept by (id, registrationId) across updates, and for endpoints that left until
 * their last request ended.
 */
export class UpstreamService {
  readonly key: ServiceKey;
  readonly stats = new ServiceStats();
  readonly retryBudget: RetryBudget;
  #settings: ServiceSettings;
  #policy: Policy;
  #byId = new Map<string, EndpointLoad>();
  /** Left while something was in flight; by id and registrationId. */
  readonly #retired = new Map<string, EndpointLoad>();
  #candidates: readonly EndpointLoad[] = [];
  readonly #idleListeners: ((endpoint: Endpoint) => void)[] = [];

  constructor(key: ServiceKey, settings: ServiceSettings) {
    this.key = key;
    this.#settings = settings;
    this.#policy = newPolicy(settings.policy);
    this.retryBudget = new RetryBudget(settings.retryBudget);
  }

  get settings(): ServiceSettings {
    return this.#settings;
  }

  /** Every endpoint's load, unusable ones included; for admin pages and metrics. */
  get loads(): Iterable<EndpointLoad> {
    return this.#byId.values();
  }

  /** Who may be picked now. */
  get candidates(): readonly EndpointLoad[] {
    return this.#candidates;
  }

  /** Endpoints that left and still have requests in flight. */
  get retired(): Iterable<EndpointLoad> {
    return this.#retired.values();
  }

  get endpointCount(): number {
    return this.#byId.size;
  }

  /** Replaces the endpoints; an id occurs once. */
  update(endpoints: readonly Endpoint[]): void {
    const former = this.#byId;
    this.#byId = new Map();
    for (const endpoint of endpoints) {
      this.#byId.set(endpoint.id, this.#loadFor(endpoint, former.get(endpoint.id)));
    }
    for (const [id, load] of former) {
      if (load.inFlight > 0 && this.#byId.get(id) !== load) {
        this.#retired.set(loadKey(id, load.endpoint.registrationId), load);
      }
    }
    this.#candidates = selectCandidates(this.#byId.values());
    this.#policy.update(this.#candidates);
  }

  /** Changes the policy; what is known of each endpoint's load stays. */
  setPolicy(name: PolicyName): void {
    if (name === this.#settings.policy) return;
    this.#settings = { ...this.#settings, policy: name };
    this.#policy = newPolicy(name);
    this.#policy.update(this.#candidates);
  }

  /**
   * Chooses where an attempt goes. Call `begin` with the answer at once.
   *
   * @param key hash of the client's address, for policies that hash.
   * @param tried endpoints that this request tried already; not picked while another is usable.
   * @returns `undefined` when nobody can take it: `whyEmpty` says why.
   */
  pick(
    nowMs: number,
    random: Random,
    key: number,
    tried: readonly EndpointLoad[],
  ): EndpointLoad | undefined {
    if (tried.length === 0) return this.#policy.pick(nowMs, random, key);
    for (let draw = 1; draw <= MAX_REDRAWS; draw++) {
      // A policy that hashes needs another key to name another endpoint.
      const load = this.#policy.pick(nowMs, random, mix32(key + tried.length * MAX_REDRAWS + draw));
      if (load === undefined || !tried.includes(load)) return load;
    }
    return (
      pickUntried(this.#candidates, tried, random) ??
      pickUntried(usableOf(this.#byId.values()), tried, random) ??
      this.#policy.pick(nowMs, random, key)
    );
  }

  /** Counts an attempt, before it connects. Exactly one `end` must follow. */
  begin(load: EndpointLoad, _nowMs: number): void {
    load.inFlight += 1;
    this.stats.begin();
    this.stats.of(load).begin();
  }

  /** Counts the end of an attempt that `begin` counted at `startedAtMs`. */
  end(load: EndpointLoad, outcome: Outcome, startedAtMs: number, nowMs: number): void {
    invariant(load.inFlight > 0, `an attempt on ${load.endpoint.id} ended twice`);
    load.inFlight -= 1;
    const latencyMs = Math.max(0, nowMs - startedAtMs);
    observe(load, outcome, latencyMs, nowMs);
    this.stats.end(outcome, latencyMs);
    this.stats.of(load).end(outcome, latencyMs);
    if (load.inFlight === 0) this.#becameIdle(load);
  }

  /** Requests in flight to one process of an endpoint, also after it left. */
  inFlightOf(id: string, registrationId: string): number {
    const load = this.#byId.get(id);
    if (load?.endpoint.registrationId === registrationId) return load.inFlight;
    return this.#retired.get(loadKey(id, registrationId))?.inFlight ?? 0;
  }

  /** Calls `listener` when the last request to an endpoint that drains or left ended. */
  onIdle(listener: (endpoint: Endpoint) => void): void {
    this.#idleListeners.push(listener);
  }

  /** For the answer to a request that found no endpoint: what is wrong, in words. */
  whyEmpty(): string {
    if (this.#byId.size === 0) {
      return `${this.key} has no endpoints: no instance is registered; start one, or check the name`;
    }
    const counts = new Map<EndpointState, number>();
    for (const { endpoint } of this.#byId.values()) {
      counts.set(endpoint.state, (counts.get(endpoint.state) ?? 0) + 1);
    }
    const states = [...counts].map(([state, count]) => `${count} ${state}`).join(", ");
    return `no endpoint of ${this.key} can take requests (${states}): check why its instances fail their probes`;
  }

  #loadFor(endpoint: Endpoint, former: EndpointLoad | undefined): EndpointLoad {
    if (former?.endpoint.registrationId === endpoint.registrationId) {
      former.endpoint = endpoint;
      return former;
    }
    const key = loadKey(endpoint.id, endpoint.registrationId);
    const retired = this.#retired.get(key);
    if (retired === undefined) return new EndpointLoad(endpoint);
    this.#retired.delete(key);
    retired.endpoint = endpoint;
    return retired;
  }

  #becameIdle(load: EndpointLoad): void {
    const { endpoint } = load;
    const hasLeft =
      this.#retired.size > 0 && this.#retired.delete(loadKey(endpoint.id, endpoint.registrationId));
    if (!hasLeft && endpoint.state !== "draining") return;
    for (const listener of this.#idleListeners) listener(endpoint);
  }
}

/** Ids cannot hold a slash. */
function loadKey(id: string, registrationId: string): string {
  return `${id}/${registrationId}`;
}

function observe(load: EndpointLoad, outcome: Outcome, latencyMs: number, nowMs: number): void {
  switch (outcome) {
    case "success":
      load.observe(latencyMs, nowMs);
      break;
    case "failure":
      load.observe(Math.max(latencyMs, FAILURE_RESPONSE_MS), nowMs);
      break;
    case "cancelled":
      // The answer would have taken at least this long; a quick cancel says nothing.
      if (latencyMs > load.decayedEwmaMs(nowMs)) load.observe(latencyMs, nowMs);
      break;
  }
}
