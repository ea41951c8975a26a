import type { ControlPlane } from "../../src/apps/control-plane/start.ts";
import type { Fence } from "../../src/core/registry/fences.ts";
import { DEFAULT_LEASE_MS } from "../../src/core/registry/lease.ts";
import type { InstanceRecord } from "../../src/core/registry/record.ts";
import { DEFAULT_PRESERVATION } from "../../src/core/registry/self-preservation.ts";
import type { LedgerEntry } from "./ledger.ts";
import type { SimWorld } from "./sim-world.ts";

/** Two clocks count the same minute. */
const ROUNDING_MS = 1;

/** Looks at each change of one replica's registry: every removal has a cause, and nothing comes back. */
export class RegistryCheck {
  readonly #world: SimWorld;
  readonly #name: string;
  readonly #plane: ControlPlane;
  readonly #startedAtMs: number;
  #looked = "";
  #known = new Map<string, InstanceRecord>();
  /** What this process found on its disk. */
  readonly #restored: ReadonlySet<string>;
  /** Silent expiries of what this replica owned, for the budget. */
  #expiries: { readonly atMs: number; readonly key: string }[] = [];

  constructor(world: SimWorld, name: string, plane: ControlPlane) {
    this.#world = world;
    this.#name = name;
    this.#plane = plane;
    this.#startedAtMs = world.timeline.nowMs;
    this.look();
    this.#restored = new Set(this.#known.keys());
  }

  look(): void {
    const { registry } = this.#plane.replica;
    // What another replica's record adds is counted by the second number only.
    const state = `${registry.changeCount} ${registry.instanceCount}`;
    if (state === this.#looked) return;
    this.#looked = state;
    const now = new Map<string, InstanceRecord>();
    for (const service of registry.services.values()) {
      for (const record of service.records.values()) {
        now.set(record.instance.registrationId, record);
      }
    }
    for (const [registrationId, record] of now) {
      if (!this.#known.has(registrationId)) this.#arrived(record);
    }
    const former = this.#known;
    this.#known = now;
    const expired = new Set<string>();
    for (const [registrationId, record] of former) {
      if (!now.has(registrationId) && this.#gone(record)) expired.add(record.service.key);
    }
    if (expired.size > 0) this.#checkBudget(expired);
  }

  #arrived({ service, instance, isOwn }: InstanceRecord): void {
    const { registrationId } = instance;
    const whose = isOwn ? "its own" : "another's";
    this.#world.say(`${this.#name} has ${service.key}/${registrationId}, ${whose}`);
    const entry = this.#world.ledger.find(registrationId);
    if (entry?.isOut && entry.rememberedBy.has(this.#name)) {
      this.#world.violate(
        `${registrationId} is back at ${this.#name}, which knew that it was deregistered`,
      );
    }
  }

  /** @returns true for an expiry that this replica decided. */
  #gone(record: InstanceRecord): boolean {
    const { service, instance } = record;
    const { id, registrationId } = instance;
    const fence = this.#plane.replica.registry.fences.find(service.key, id, registrationId);
    const entry = this.#world.ledger.find(registrationId);
    if (entry === undefined) return false;
    this.#world.say(`${this.#name} lost ${registrationId}: ${fence?.reason}`);
    if (fence === undefined) {
      if (this.#world.planted?.forgetsFences !== true) {
        this.#world.violate(`${registrationId} left ${this.#name} without a cause`);
      }
      return false;
    }
    const isDecision = fence.reason === "expired" && this.#decides(fence, entry, record);
    if (!isDecision && !this.#isTrue(fence, entry)) {
      this.#world.violate(
        `${registrationId} was removed from ${this.#name} as ${fence.reason}, which is not true`,
      );
    }
    if (fence.reason !== "expired") this.#world.ledger.ended(registrationId, this.#name);
    if (isDecision) this.#expiries.push({ atMs: this.#world.timeline.nowMs, key: service.key });
    return isDecision;
  }

  #isTrue({ reason, generation }: Fence, entry: LedgerEntry): boolean {
    switch (reason) {
      case "deregistered":
        return entry.isLeaving;
      case "evicted":
        return entry.isEvicted;
      case "superseded":
        return this.#world.ledger.hasRival(entry);
      case "expired":
        return entry.expiredGeneration >= generation || this.#isLost(entry);
    }
  }

  /** Nobody kept it any more, and why is forgotten with a disk: its process is gone, and for a lease nobody heard of it. */
  #isLost(entry: LedgerEntry): boolean {
    if (entry.isRunning()) return false;
    const heardAtMs = Math.max(0, ...[...entry.sessions.values()].map((each) => each.heardAtMs));
    return this.#world.timeline.nowMs - heardAtMs >= DEFAULT_LEASE_MS;
  }

  /** Whoever owns it decides, when its client was silent, or nothing listens there; the others only repeat it. */
  #decides({ generation }: Fence, entry: LedgerEntry, record: InstanceRecord): boolean {
    if (!record.isOwn || entry.expiredGeneration >= generation) return false;
    if (!this.#isSilent(entry, record)) return false;
    entry.expiredGeneration = generation;
    return true;
  }

  #isSilent(entry: LedgerEntry, { instance, adoption }: InstanceRecord): boolean {
    const heardAtMs = entry.sessions.get(this.#name)?.heardAtMs ?? 0;
    const isOfThisLife = heardAtMs >= this.#startedAtMs;
    // It took over what another replica kept: there is nobody to be heard.
    if (adoption > 0 && !entry.isRunning()) return true;
    if (!isOfThisLife && !this.#restored.has(entry.registrationId)) return !entry.isRunning();
    const sinceMs = Math.max(heardAtMs, this.#startedAtMs);
    return this.#world.timeline.nowMs - sinceMs >= instance.leaseMs;
  }

  /** @param keys of the services that lost somebody just now. */
  #checkBudget(keys: ReadonlySet<string>): void {
    const { nowMs } = this.#world.timeline;
    const { windowMs, fleetShare, fleetMinimum, serviceShare } = DEFAULT_PRESERVATION;
    this.#expiries = this.#expiries.filter(({ atMs }) => nowMs - atMs < windowMs - ROUNDING_MS);
    const gone = this.#expiries.length;
    const owned = [...this.#known.values()].filter(({ isOwn }) => isOwn).length;
    const budget = Math.max(fleetMinimum, (owned + gone) * fleetShare);
    if (gone > budget) this.#world.violate(`${gone} instances expired within a minute`);
    for (const service of this.#plane.replica.registry.services.values()) {
      if (!keys.has(service.key)) continue;
      const lost = this.#expiries.filter(({ key }) => key === service.key).length;
      if (lost > (service.records.size + lost) * serviceShare) {
        this.#world.violate(`${lost} of ${service.key} expired within a minute`);
      }
    }
  }
}
