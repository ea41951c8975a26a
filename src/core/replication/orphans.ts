import type { Random } from "../model/random.ts";
import type { InstanceRecord, RecordLeases } from "../registry/record.ts";

/** Leases that an orphan is served unchanged for: its client needs some seconds to find another replica. */
const GRACE_LEASES = 2;

/** After a goodbye, clients were asked to leave before. */
const GRACE_LEASES_AFTER_GOODBYE = 1;

/** So that replicas of equal clocks do not all begin at once. */
const JITTER_MS = 5_000;

/** The chosen adopter may not hold the record, or hang: whoever holds it acts so much later. */
const HEIR_WAIT_MS = 20_000;

interface Orphan {
  /** Of the owner that is gone: somebody has claimed it once it belongs to another one. */
  readonly group: RecordLeases;
  /** What it said last: a replica that has started anew can be told of the same client again. */
  readonly said: string;
  readonly dueMs: number;
}

/** Registrations whose owner is gone, until a client claims them, a replica adopts them, or they end. */
export class Orphans {
  readonly #random: Random;
  readonly #orphans = new Map<InstanceRecord, Orphan>();

  constructor(random: Random) {
    this.#random = random;
  }

  get size(): number {
    return this.#orphans.size;
  }

  /** Of one that is known already the time goes on. @param hasLeft its owner said goodbye */
  add(record: InstanceRecord, hasLeft: boolean, nowMs: number): void {
    if (record.isOwn || this.has(record)) return;
    const leases = hasLeft ? GRACE_LEASES_AFTER_GOODBYE : GRACE_LEASES;
    const graceMs = leases * record.instance.leaseMs + this.#random() * JITTER_MS;
    const { group } = record;
    this.#orphans.set(record, { group, said: wordOn(record), dueMs: nowMs + graceMs });
  }

  /** Whether nobody has it still. */
  has(record: InstanceRecord): boolean {
    const orphan = this.#orphans.get(record);
    if (orphan === undefined || record.isGone) return false;
    return record.group === orphan.group && wordOn(record) === orphan.said;
  }

  /** Their owner is back. @param isKept those of them that it still has */
  reclaimed(ownerId: string, isKept: (record: InstanceRecord) => boolean): void {
    for (const [record, { group }] of this.#orphans) {
      if (group.ownerId === ownerId && isKept(record)) this.#orphans.delete(record);
    }
  }

  /** Those to be judged now, the ones that are this replica's to adopt before those of others. */
  due(nowMs: number, isMine: (record: InstanceRecord) => boolean): InstanceRecord[] {
    const mine: InstanceRecord[] = [];
    const others: InstanceRecord[] = [];
    for (const [record, { dueMs }] of this.#orphans) {
      if (!this.has(record)) this.#orphans.delete(record);
      else if (nowMs < dueMs) continue;
      else if (isMine(record)) mine.push(record);
      else if (nowMs >= dueMs + HEIR_WAIT_MS) others.push(record);
    }
    return [...mine, ...others];
  }
}

function wordOn({ instance, adoption, firstRegisteredHlc }: InstanceRecord): string {
  return `${instance.generation}/${adoption}/${firstRegisteredHlc}`;
}
