import type { Fence } from "../../../core/registry/fences.ts";
import type { InstanceRecord } from "../../../core/registry/record.ts";
import {
  type Origin,
  type ReplicatedRecord,
  recordEntry,
  removalEntry,
} from "../../../core/replication/entry.ts";
import type { DeltaBatch } from "../../../core/replication/messages.ts";
import { OriginLog } from "../../../core/replication/origin-log.ts";
import type { Clock } from "../../../ports/clock.ts";

/** Under load, changes of this long travel together; the first one after quiet goes at once. */
const COALESCE_MS = 2;

/** What this replica owns, as it tells the others. */
export class OwnOrigin {
  #log: OriginLog;
  readonly #clock: Clock;
  readonly #send: (batch: DeltaBatch) => void;
  #lastFlushMs = Number.NEGATIVE_INFINITY;
  #cancelFlush: (() => void) | undefined;

  constructor(origin: Origin, clock: Clock, send: (batch: DeltaBatch) => void) {
    this.#log = new OriginLog(origin);
    this.#clock = clock;
    this.#send = send;
  }

  get log(): OriginLog {
    return this.#log;
  }

  /** Under a higher epoch everything is told anew. */
  restart(epoch: number, records: Iterable<InstanceRecord>): void {
    const { origin, limits } = this.#log;
    this.#log = new OriginLog({ ...origin, epoch }, limits);
    for (const record of records) this.written(record);
    this.publish();
  }

  written(record: InstanceRecord): void {
    this.#log.append(recordEntry(replicated(record)));
  }

  ended(fence: Fence): void {
    this.#log.append(removalEntry(fence));
  }

  /** Its client attached elsewhere: what was attached here is over, and the process is not. */
  handedOver({ service, instance }: InstanceRecord, formerGeneration: number, hlc: number): void {
    this.#log.append(
      removalEntry({
        serviceKey: service.key,
        instanceId: instance.id,
        registrationId: instance.registrationId,
        kind: "generation",
        generation: formerGeneration,
        hlc,
        reason: "superseded",
      }),
    );
  }

  /** Tells the others what was appended: now, or with what else comes within 2 ms. */
  publish(): void {
    if (this.#log.pendingCount === 0 || this.#cancelFlush !== undefined) return;
    const waitMs = this.#lastFlushMs + COALESCE_MS - this.#clock.nowMs();
    if (waitMs <= 0) this.#flush();
    else this.#cancelFlush = this.#clock.after(waitMs, () => this.#flush());
  }

  stop(): void {
    this.#cancelFlush?.();
  }

  #flush(): void {
    this.#cancelFlush = undefined;
    this.#lastFlushMs = this.#clock.nowMs();
    for (const batch of this.#log.flush()) this.#send(batch);
  }
}

/** Whether a fence says no more than that its owner's client went to another replica. */
export function isHandOver({ kind, reason }: Fence): boolean {
  return kind === "generation" && reason === "superseded";
}

function replicated(record: InstanceRecord): ReplicatedRecord {
  const { instance, defaults, firstRegisteredHlc, operatorRevision } = record;
  const { isDraining, isSuspect, adoption } = record;
  return {
    ...{ instance, defaults, firstRegisteredHlc, operatorRevision },
    ...{ isDraining, isSuspect, adoption },
  };
}
