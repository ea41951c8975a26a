import type { ServiceKey } from "../model/names.ts";

/**
 * Refuses to believe that many instances died silently at once: more likely it is the
 * network, or us. Counts silent expiries only; goodbyes, supersessions and reported
 * failures are always believed. Source: Netflix Eureka's self-preservation, per service.
 */
export interface PreservationLimits {
  /** Silent expiries are counted over this long. */
  readonly windowMs: number;
  /** Share of the fleet that may expire in a window. */
  readonly fleetShare: number;
  /** So many may always expire: 15 % of a small fleet would be none. */
  readonly fleetMinimum: number;
  /** Share of one service that may expire in a window. */
  readonly serviceShare: number;
  /** After this long a frozen scope lets go slowly: real mass death must end some day. */
  readonly thawAfterMs: number;
  /** One expiry per this long while thawing. */
  readonly thawIntervalMs: number;
  /** A service's last endpoint is kept for this long. */
  readonly lastEndpointMs: number;
}

export const DEFAULT_PRESERVATION: PreservationLimits = {
  windowMs: 60_000,
  fleetShare: 0.15,
  fleetMinimum: 3,
  serviceShare: 0.5,
  thawAfterMs: 600_000,
  thawIntervalMs: 10_000,
  lastEndpointMs: 86_400_000,
};

/** A scope whose silent instances are kept: `fleet` or a service's key. */
export interface FrozenScope {
  readonly scope: string;
  readonly reason: string;
  readonly sinceMs: number;
}

export interface ScopeCount {
  /** Instances now, the silent ones included. */
  readonly total: number;
  /** Silent for two thirds of their lease or more. */
  readonly overdue: number;
}

export class SelfPreservation {
  readonly #limits: PreservationLimits;
  readonly #expiries: { atMs: number; service: ServiceKey }[] = [];
  readonly #frozen = new Map<string, FrozenScope>();
  #lastThawMs = 0;
  /** How often a scope froze since the start. */
  freezeCount = 0;

  constructor(limits: PreservationLimits = DEFAULT_PRESERVATION) {
    this.#limits = limits;
  }

  /** Decides, before anything expires in this round, which scopes are frozen. */
  review(fleet: ScopeCount, services: ReadonlyMap<ServiceKey, ScopeCount>, nowMs: number): void {
    this.#forgetOld(nowMs);
    this.#judge("fleet", this.#fleetBreach(fleet), nowMs);
    for (const scope of [...this.#frozen.keys()]) {
      if (scope !== "fleet" && !services.has(scope as ServiceKey)) this.#frozen.delete(scope);
    }
    for (const [key, count] of services) this.#judge(key, this.#serviceBreach(key, count), nowMs);
  }

  /** May one silent instance of `service` go now? `silentMs` is how long it is suspect. */
  mayExpire(service: ServiceKey, isLast: boolean, silentMs: number, nowMs: number): boolean {
    if (isLast) return silentMs >= this.#limits.lastEndpointMs;
    const frozen = this.#frozen.get("fleet") ?? this.#frozen.get(service);
    if (frozen === undefined) return true;
    if (nowMs - frozen.sinceMs < this.#limits.thawAfterMs) return false;
    if (nowMs - this.#lastThawMs < this.#limits.thawIntervalMs) return false;
    this.#lastThawMs = nowMs;
    return true;
  }

  expired(service: ServiceKey, nowMs: number): void {
    this.#expiries.push({ atMs: nowMs, service });
  }

  frozenScopes(): FrozenScope[] {
    return [...this.#frozen.values()];
  }

  #fleetBreach(fleet: ScopeCount): string | undefined {
    const { fleetShare, fleetMinimum } = this.#limits;
    const gone = this.#expiries.length;
    const budget = Math.max(fleetMinimum, (fleet.total + gone) * fleetShare);
    if (gone + fleet.overdue <= budget) return undefined;
    return `${fleet.overdue} of ${fleet.total} instances are silent and ${gone} expired in the last minute; at most ${Math.floor(budget)} may`;
  }

  #serviceBreach(key: ServiceKey, count: ScopeCount): string | undefined {
    const gone = this.#expiries.reduce((sum, { service }) => sum + (service === key ? 1 : 0), 0);
    const budget = (count.total + gone) * this.#limits.serviceShare;
    // A single instance is the last endpoint: `lastEndpointMs` keeps it.
    if (count.total + gone < 2 || gone + count.overdue <= budget) return undefined;
    return `${count.overdue} of ${count.total} instances of ${key} are silent and ${gone} expired in the last minute; at most ${Math.floor(budget)} may`;
  }

  #judge(scope: string, breach: string | undefined, nowMs: number): void {
    const known = this.#frozen.get(scope);
    if (breach === undefined) this.#frozen.delete(scope);
    else if (known === undefined) {
      this.freezeCount++;
      this.#frozen.set(scope, { scope, reason: breach, sinceMs: nowMs });
    }
  }

  #forgetOld(nowMs: number): void {
    const firstKept = this.#expiries.findIndex(({ atMs }) => nowMs - atMs < this.#limits.windowMs);
    this.#expiries.splice(0, firstKept === -1 ? this.#expiries.length : firstKept);
  }
}
