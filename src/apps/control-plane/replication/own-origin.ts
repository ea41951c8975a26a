import type { OriginPosition } from "../../../core/discovery/seen-positions.ts";
import type { Fence } from "../../../core/registry/fences.ts";
import type { InstanceRecord } from "../../../core/registry/record.ts";
import type { Registry } from "../../../core/registry/registry.ts";
import {
  type Origin,
  type ReplicatedRecord,
  recordEntry,
  removalEntry,
} from "../../../core/replication/entry.ts";
import type { DeltaBatch } from "../../../core/replication/messages.ts";
import { OriginLog } from "../../../core/replication/origin-log.ts";
import type { Clock } from "../../../ports/clock.ts";
import { Coalescer } from "../coalescer.ts";

/** Before any. */
const NO_GENERATION = 0;

/** Whichever was ours of that generation. */
const EVERY_ADOPTION = Number.MAX_SAFE_INTEGER;

interface OwnVoice {
  send(batch: DeltaBatch): void;
  /** How far this replica has heard all origins. */
  known(): readonly OriginPosition[];
}

/** What this replica owns, as it tells the others. */
export class OwnOrigin {
  #log: OriginLog;
  readonly #voice: OwnVoice;
  readonly #coalescer: Coalescer;

  constructor(origin: Origin, clock: Clock, voice: OwnVoice) {
    this.#log = new OriginLog(origin);
    this.#voice = voice;
    this.#coalescer = new Coalescer(clock, () => this.#flush());
  }

  get log(): OriginLog {
    return this.#log;
  }

  /** Under a higher epoch everything is told anew. */
  restart(epoch: number, { services }: Registry): void {
    const { origin, limits } = this.#log;
    this.#log = new OriginLog({ ...origin, epoch }, limits);
    for (const { records } of services.values()) {
      for (const record of records.values()) if (record.isOwn) this.written(record);
    }
    this.publish();
  }

  written(record: InstanceRecord): void {
    this.#log.append(recordEntry(replicated(record)));
  }

  ended(fence: Fence): void {
    this.#log.append(removalEntry(fence));
  }

  /** What operators decided of a registration, which its owner has not heard of: it ends nothing. */
  decided(record: InstanceRecord, hlc: number): void {
    this.handedOver(record, NO_GENERATION, hlc);
  }

  /** Its client attached elsewhere: what was attached here is over, and the process is not. */
  handedOver(record: InstanceRecord, formerGeneration: number, hlc: number): void {
    const { service, instance, operatorRevision: revision, isDraining } = record;
    this.#log.append(
      removalEntry({
        serviceKey: service.key,
        instanceId: instance.id,
        registrationId: instance.registrationId,
        kind: "generation",
        generation: formerGeneration,
        adoption: EVERY_ADOPTION,
        hlc,
        reason: "superseded",
        // Whoever has it now may not have heard of that.
        ...(revision > 0 && { operator: { revision, isDraining } }),
      }),
    );
  }

  /** Tells the others what was appended: now, or with what else comes within 2 ms at most. */
  publish(): void {
    if (this.#log.pendingCount > 0) this.#coalescer.changed();
  }

  /** Tells them now: what is numbered is counted by the position that agents are told. */
  flush(): void {
    if (this.#log.pendingCount > 0) this.#coalescer.changed(true);
  }

  stop(): void {
    this.#coalescer.stop();
  }

  #flush(): boolean {
    for (const batch of this.#log.flush()) {
      const handsOver = batch.entries.some((it) => it.kind === "removal" && isHandOver(it.fence));
      this.#voice.send(handsOver ? { ...batch, known: this.#voice.known() } : batch);
    }
    return true;
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
