import { invariant } from "../model/invariant.ts";
import type { InstanceRecord, RecordLeases } from "./record.ts";
import type { Registry } from "./registry.ts";

/**
 * Takes over a record that another replica owned. It is written as ours, with one adoption more, and so
 * outranks the former owner's copy everywhere; what clients and operators said of it stays.
 *
 * @param group of ours; it need not be in the wheel
 */
export function adopt(
  registry: Registry,
  record: InstanceRecord,
  group: RecordLeases,
  nowMs: number,
): void {
  const isTakeOver = !record.isOwn && group.ownerId === "";
  invariant(isTakeOver, "a record is adopted from another replica, into a group of our own");
  record.adoption++;
  if (record.isSuspect) {
    // How long it was silent there is not known here.
    record.suspectSinceMs = nowMs;
    group.hasSuspects = true;
  }
  registry.keepUnder(record, group);
}
