import { DEFAULT_LEASE_MS, LeaseGroup, type LeaseWheel } from "./lease.ts";
import type { InstanceRecord, RecordLeases } from "./record.ts";

/**
 * Registrations that this replica took over from one that is gone, and that no client has claimed since.
 * Nobody renews them, so their silence says nothing: only evidence ends them.
 */
export class UnownedRecords {
  /** Never in the wheel. */
  readonly group: RecordLeases = new LeaseGroup<InstanceRecord>(DEFAULT_LEASE_MS, "", 0);
  readonly #refused = new Set<InstanceRecord>();

  has(record: InstanceRecord): boolean {
    return record.group === this.group && !record.isGone;
  }

  /** Nothing listens where it is: it may expire, within the budget. */
  refused(record: InstanceRecord): void {
    if (this.has(record)) this.#refused.add(record);
  }

  /** What was known against it counts no more. */
  answered(record: InstanceRecord): void {
    this.#refused.delete(record);
  }

  /** Against whom there is evidence now. */
  condemned(): InstanceRecord[] {
    for (const record of this.#refused) if (!this.has(record)) this.#refused.delete(record);
    return [...this.#refused];
  }

  /** This process stood still: all evidence is old. */
  forgetEvidence(): void {
    this.#refused.clear();
  }
}

/** For somebody whose client is heard again: his lease runs like any other's. */
export function newLease(
  wheel: LeaseWheel<InstanceRecord>,
  record: InstanceRecord,
  nowMs: number,
): RecordLeases {
  const group = new LeaseGroup<InstanceRecord>(record.instance.leaseMs, "", nowMs);
  group.hasSuspects = record.isSuspect;
  wheel.add(group);
  return group;
}
