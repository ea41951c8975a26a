import { MeshError } from "../../core/model/mesh-error.ts";
import type { InstanceRecord } from "../../core/registry/record.ts";
import type { LeaseKey, Registry } from "../../core/registry/registry.ts";
import type { LeaseOutcome } from "../../core/replication/calls.ts";
import type { Clock } from "../../ports/clock.ts";
import type { JournalEntry } from "../../ports/registry-store.ts";
import { leaseOf } from "./attach-sessions.ts";
import type { DrainQuestion } from "./drain-waits.ts";
import { findRecord } from "./find-record.ts";
import { NO_OWNERS, type Owners } from "./owners.ts";
import { whyMissing } from "./renewals.ts";

/** A record may go on to a third replica while its owner is asked; more than twice is a flapping client. */
const MAX_ASKED = 3;

/** For what an owner has just decided to arrive here: it was sent before its answer. */
const ARRIVAL_MS = 1_000;
const ARRIVAL_CHECK_MS = 5;

export interface OperatorDrainsOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly journal: (entry: JournalEntry) => Promise<void>;
  readonly publish: () => void;
  /** Makes a record this replica's own. */
  readonly takeOver: (record: InstanceRecord) => void;
}

/** What operators decide of instances, at whichever replica they ask. */
export class OperatorDrains {
  readonly #options: OperatorDrainsOptions;
  #owners: Owners = NO_OWNERS;

  constructor(options: OperatorDrainsOptions) {
    this.#options = options;
  }

  useOwners(owners: Owners): void {
    this.#owners = owners;
  }

  /**
   * Decides through the owner, who alone writes the record. When it cannot be reached, this replica
   * takes the record over: an operator can always act.
   * @returns what a drain then waits for @throws MeshError
   */
  async set(lease: LeaseKey, isDraining: boolean): Promise<DrainQuestion> {
    const { registry, takeOver } = this.#options;
    for (let asked = 0; asked < MAX_ASKED; asked++) {
      const record = this.#find(lease);
      if (record.isOwn) return this.#setOwn(record, isDraining);
      const { ownerId } = record.group;
      const answer = await this.#owners.setDraining(ownerId, leaseOf(record), isDraining);
      if (answer === undefined) break;
      if (answer.outcome === "done") {
        const { operatorRevision } = answer;
        await this.#arrival(record, operatorRevision);
        return { ...questionOf(record), operatorRevision };
      }
      // Its own word on that is on its way here.
      const { group } = record;
      await this.#until(() => record.isGone || record.group !== group);
      if (!record.isGone && answer.outcome !== "not-owner") throw endedElsewhere(lease, ownerId);
    }
    const record = this.#find(lease);
    if (!record.isOwn) takeOver(record);
    return this.#setOwn(registry.find(lease) ?? record, isDraining);
  }

  /** For another replica, where the operator asked. @throws MeshError when it could not be journaled */
  async setForPeer(
    lease: LeaseKey,
    isDraining: boolean,
  ): Promise<{ readonly outcome: LeaseOutcome; readonly operatorRevision: number }> {
    const { registry } = this.#options;
    const record = registry.find(lease);
    if (record === undefined) {
      return { outcome: whyMissing(registry, lease), operatorRevision: 0 };
    }
    if (!record.isOwn) return { outcome: "not-owner", operatorRevision: 0 };
    const { operatorRevision } = await this.#setOwn(record, isDraining);
    return { outcome: "done", operatorRevision };
  }

  async #setOwn(record: InstanceRecord, isDraining: boolean): Promise<DrainQuestion> {
    const { registry, publish, journal } = this.#options;
    const { service, instance } = record;
    const operatorRevision = registry.setDraining(record, isDraining);
    publish();
    await journal({
      kind: isDraining ? "drain" : "undrain",
      serviceKey: service.key,
      instanceId: instance.id,
      registrationId: instance.registrationId,
      operatorRevision,
    });
    return { ...questionOf(record), operatorRevision };
  }

  #find(lease: LeaseKey): InstanceRecord {
    return findRecord(this.#options.registry, lease, this.#owners.isSynced);
  }

  /** Whoever asks this replica next shall see what was decided. */
  #arrival(record: InstanceRecord, operatorRevision: number): Promise<void> {
    return this.#until(() => record.isGone || record.operatorRevision >= operatorRevision);
  }

  /** Waits for a moment, no longer: what does not come is told as it is. */
  async #until(hasCome: () => boolean): Promise<void> {
    const { clock } = this.#options;
    const endMs = clock.nowMs() + ARRIVAL_MS;
    while (!hasCome() && clock.nowMs() < endMs) {
      await new Promise<void>((resolve) => void clock.after(ARRIVAL_CHECK_MS, resolve));
    }
  }
}

function endedElsewhere({ service, instanceId }: LeaseKey, ownerId: string): MeshError {
  return new MeshError(
    "INSTANCE_NOT_FOUND",
    `replica ${ownerId}, which keeps ${service}/${instanceId}, says that it has ended; this one will hear of it in a moment`,
  );
}

function questionOf({ service, instance }: InstanceRecord) {
  const { id: instanceId, registrationId } = instance;
  return { service: service.key, instanceId, registrationId };
}
