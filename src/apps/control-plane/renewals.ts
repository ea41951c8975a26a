import { adopt } from "../../core/registry/adoption.ts";
import type { InstanceRecord, RecordLeases } from "../../core/registry/record.ts";
import type { LeaseKey, LeaseResult, Registry } from "../../core/registry/registry.ts";
import type { LeaseOutcome } from "../../core/replication/calls.ts";
import { isLive } from "../../core/replication/member.ts";
import type { Clock } from "../../ports/clock.ts";
import { notSynced } from "./find-record.ts";
import { NO_OWNERS, type Owners } from "./owners.ts";

export interface RenewalsOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  /** A lease group of this replica's own. */
  readonly newGroup: (leaseMs: number) => RecordLeases;
  /** Tells agents and other replicas what changed. */
  readonly publish: () => void;
}

/** A lease of a batch that this replica does not keep itself. */
interface Elsewhere {
  /** Its place in the batch. */
  readonly at: number;
  readonly lease: LeaseKey;
}

/**
 * Renewals of leases at whichever replica a client reaches. Only the owner knows since when a client
 * is silent, so it is told; when it cannot be, this replica takes the lease over: its client lives.
 */
export class Renewals {
  readonly #options: RenewalsOptions;
  #owners: Owners = NO_OWNERS;

  constructor(options: RenewalsOptions) {
    this.#options = options;
  }

  useOwners(owners: Owners): void {
    this.#owners = owners;
  }

  /** At once when all are this replica's own. @throws MeshError NOT_SYNCED */
  renew(leases: readonly LeaseKey[]): LeaseResult[] | Promise<LeaseResult[]> {
    const { registry, clock, publish } = this.#options;
    const nowMs = clock.nowMs();
    let elsewhere: Elsewhere[] | undefined;
    const results = leases.map((lease, at): LeaseResult => {
      const record = registry.find(lease);
      if (record?.isOwn === true || (record === undefined && this.#isKnown(lease))) {
        return registry.renew(lease, nowMs);
      }
      elsewhere ??= [];
      elsewhere.push({ at, lease });
      return "not-found";
    });
    publish();
    return elsewhere === undefined ? results : this.#renewElsewhere(elsewhere, results);
  }

  /** For another replica, whose client reached it instead of us. */
  renewOwn(leases: readonly LeaseKey[]): LeaseOutcome[] {
    const { registry, clock, publish } = this.#options;
    const outcomes = leases.map((lease): LeaseOutcome => {
      const record = registry.find(lease);
      if (record === undefined) return whyMissing(registry, lease);
      if (!record.isOwn) return "not-owner";
      registry.renew(lease, clock.nowMs());
      return "done";
    });
    publish();
    return outcomes;
  }

  /** Makes a record this replica's own, because its owner cannot be reached. */
  #takeOver(record: InstanceRecord): void {
    const { registry, clock, newGroup } = this.#options;
    adopt(registry, record, newGroup(record.instance.leaseMs), clock.nowMs());
  }

  /** Whether this replica may say of a lease that it does not find what became of it. */
  #isKnown(lease: LeaseKey): boolean {
    return this.#owners.isSynced || this.#options.registry.whyMissing(lease) === "superseded";
  }

  async #renewElsewhere(
    elsewhere: readonly Elsewhere[],
    results: LeaseResult[],
  ): Promise<LeaseResult[]> {
    const moved = await this.#askOwners(elsewhere, results);
    // Between the question and the answer the record may have gone on to a third replica.
    const left = moved.length === 0 ? [] : await this.#askOwners(moved, results);
    for (const { at, lease } of left) results[at] = this.#keep(lease);
    this.#options.publish();
    return results;
  }

  /** @returns those that their owner does not keep. */
  async #askOwners(
    elsewhere: readonly Elsewhere[],
    results: LeaseResult[],
  ): Promise<readonly Elsewhere[]> {
    const { registry } = this.#options;
    const byOwner = new Map<string, Elsewhere[]>();
    const unknown: Elsewhere[] = [];
    for (const each of elsewhere) {
      const ownerId = registry.find(each.lease)?.group.ownerId;
      if (ownerId === undefined) unknown.push(each);
      else if (ownerId === "") results[each.at] = this.#keep(each.lease);
      else if (!byOwner.get(ownerId)?.push(each)) byOwner.set(ownerId, [each]);
    }
    const moved: Elsewhere[] = [];
    const asked = Array.from(byOwner, async ([ownerId, theirs]) => {
      const outcomes = await this.#owners.renew(ownerId, leasesOf(theirs));
      for (const [i, each] of theirs.entries()) {
        const outcome = outcomes?.[i];
        if (outcome === undefined) results[each.at] = this.#keep(each.lease);
        else if (outcome === "not-owner") moved.push(each);
        else results[each.at] = outcome === "done" ? "renewed" : outcome;
      }
    });
    if (unknown.length > 0) asked.push(this.#askEverybody(unknown, results));
    await Promise.all(asked);
    return moved;
  }

  /** Nothing is known here of these leases, and this replica has not heard everything yet. */
  async #askEverybody(unknown: readonly Elsewhere[], results: LeaseResult[]): Promise<void> {
    const live = this.#owners.members().filter(({ state }) => isLive(state));
    const leases = leasesOf(unknown);
    const answers = await Promise.all(
      live.map(({ origin }) => this.#owners.renew(origin.replicaId, leases)),
    );
    for (const [i, { at, lease }] of unknown.entries()) {
      const outcomes = answers.map((answer) => answer?.[i]);
      if (outcomes.includes("done")) results[at] = "renewed";
      else if (outcomes.includes("superseded")) results[at] = "superseded";
      else if (outcomes.includes("not-found")) results[at] = "not-found";
      else throw notSynced(`${lease.service}/${lease.instanceId}`);
    }
  }

  /** A sign of life of a client whose owner cannot be told: the lease is kept here from now on. */
  #keep(lease: LeaseKey): LeaseResult {
    const { registry, clock } = this.#options;
    const record = registry.find(lease);
    if (record !== undefined && !record.isOwn) this.#takeOver(record);
    return registry.renew(lease, clock.nowMs());
  }
}

/** Without a trace of it, somebody else may know. */
export function whyMissing(registry: Registry, lease: LeaseKey): LeaseOutcome {
  const why = registry.whyMissing(lease);
  if (why === "superseded") return why;
  const { service, instanceId, registrationId } = lease;
  const hasEnded =
    registrationId !== "" &&
    registry.fences.find(service, instanceId, registrationId) !== undefined;
  return hasEnded ? "not-found" : "not-owner";
}

function leasesOf(elsewhere: readonly Elsewhere[]): LeaseKey[] {
  return elsewhere.map(({ lease }) => lease);
}
