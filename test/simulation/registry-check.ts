import type { ControlPlane } from "../../src/apps/control-plane/start.ts";
import type { RemovalReason } from "../../src/core/model/endpoint.ts";
import type { InstanceRecord } from "../../src/core/registry/record.ts";
import { DEFAULT_PRESERVATION } from "../../src/core/registry/self-preservation.ts";
import type { LedgerEntry } from "./ledger.ts";
import type { SimWorld } from "./sim-world.ts";

/** Looks at each change of one replica's registry: every removal has a cause, and nothing comes back. */
export class RegistryCheck {
  readonly #world: SimWorld;
  readonly #plane: ControlPlane;
  readonly #startedAtMs: number;
  #changeCount = -1;
  #known = new Map<string, InstanceRecord>();
  /** Silent expiries, for the budget. */
  #expiries: { readonly atMs: number; readonly key: string }[] = [];

  constructor(world: SimWorld, plane: ControlPlane) {
    this.#world = world;
    this.#plane = plane;
    this.#startedAtMs = world.timeline.nowMs;
    this.look();
  }

  look(): void {
    const { registry } = this.#plane.replica;
    if (registry.changeCount === this.#changeCount) return;
    this.#changeCount = registry.changeCount;
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

  #arrived({ service, instance }: InstanceRecord): void {
    const { registrationId } = instance;
    this.#world.say(`${this.#plane.replica.replicaId} has ${service.key}/${registrationId}`);
    if (this.#world.ledger.find(registrationId)?.isOut) {
      this.#world.violate(`${registrationId} is back at a replica although it was deregistered`);
    }
  }

  /** @returns true for an expiry. */
  #gone(record: InstanceRecord): boolean {
    const { service, instance } = record;
    const { id, registrationId } = instance;
    const fence = this.#plane.replica.registry.fences.find(service.key, id, registrationId);
    const entry = this.#world.ledger.find(registrationId);
    if (entry === undefined) return false;
    this.#world.say(`${this.#plane.replica.replicaId} lost ${registrationId}: ${fence?.reason}`);
    if (fence === undefined) {
      if (this.#world.planted?.forgetsFences !== true) {
        this.#world.violate(`${registrationId} left a registry without a cause`);
      }
      return false;
    }
    if (!this.#isTrue(fence.reason, entry, instance.leaseMs)) {
      this.#world.violate(`${registrationId} was removed as ${fence.reason}, which is not true`);
    }
    if (fence.reason !== "expired") return false;
    this.#expiries.push({ atMs: this.#world.timeline.nowMs, key: service.key });
    return true;
  }

  #isTrue(reason: RemovalReason, entry: LedgerEntry, leaseMs: number): boolean {
    switch (reason) {
      case "deregistered":
        return entry.isLeaving;
      case "evicted":
        return entry.isEvicted;
      case "superseded":
        return this.#world.ledger.hasRival(entry);
      case "expired": {
        const heardAtMs = Math.max(entry.session?.heardAtMs ?? 0, this.#startedAtMs);
        return this.#world.timeline.nowMs - heardAtMs >= leaseMs;
      }
    }
  }

  /** @param keys of the services that lost somebody just now. */
  #checkBudget(keys: ReadonlySet<string>): void {
    const { nowMs } = this.#world.timeline;
    const { windowMs, fleetShare, fleetMinimum, serviceShare } = DEFAULT_PRESERVATION;
    this.#expiries = this.#expiries.filter(({ atMs }) => nowMs - atMs < windowMs);
    const gone = this.#expiries.length;
    const budget = Math.max(fleetMinimum, (this.#known.size + gone) * fleetShare);
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
