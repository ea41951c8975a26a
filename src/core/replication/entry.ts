import type { InstanceId, ServiceKey } from "../model/names.ts";
import { type Fence, isCovered } from "../registry/fences.ts";
import type { ForeignRecord } from "../registry/foreign-records.ts";
import { contentHash } from "./entry-hash.ts";

/** One life of a replica: the single writer of a set of records. */
export interface Origin {
  readonly replicaId: string;
  /** Higher at each start; a safe integer, in practice wall milliseconds. */
  readonly epoch: number;
}

/** Names an origin in logs and subjects. */
export function originText({ replicaId, epoch }: Origin): string {
  return `${replicaId}@${epoch}`;
}

/** A registration as replicas tell each other of it: what the registry of another one takes in. */
export type ReplicatedRecord = ForeignRecord;

interface EntryKey {
  /** `NAMESPACE/SERVICE/INSTANCE`, unique within an origin's set. */
  readonly key: string;
  readonly serviceKey: ServiceKey;
  readonly namespace: string;
  readonly service: string;
  readonly instanceId: InstanceId;
}

/** A registration that came, changed, or is there. */
export interface RecordEntry extends EntryKey {
  readonly kind: "record";
  readonly record: ReplicatedRecord;
  /**
   * The origin's hash of everything above, as two signed halves. It travels with the entry and
   * nobody else computes it, so that an older replica need not know every field.
   */
  readonly hashHigh: number;
  readonly hashLow: number;
}

/** A registration that ended. It removes what its fence covers, and keeps it from coming back. */
export interface RemovalEntry extends EntryKey {
  readonly kind: "removal";
  readonly fence: Fence;
}

/** What a newer replica sent and this one does not know: it counts in the sequence, and is ignored. */
export interface UnknownEntry {
  readonly kind: "unknown";
  readonly bytes: Uint8Array;
}

export type ReplicatedEntry = RecordEntry | RemovalEntry;
export type ReceivedEntry = ReplicatedEntry | UnknownEntry;

/** A record of this replica's own origin. */
export function recordEntry(record: ReplicatedRecord): RecordEntry {
  const hash = contentHash(record);
  return receivedRecord(record, hash.high, hash.low);
}

/** A record with the hash that its origin sent. */
export function receivedRecord(
  record: ReplicatedRecord,
  hashHigh: number,
  hashLow: number,
): RecordEntry {
  const { namespace, service, id } = record.instance;
  const serviceKey = `${namespace}/${service}` as ServiceKey;
  const key = `${serviceKey}/${id}`;
  return {
    kind: "record",
    key,
    serviceKey,
    namespace,
    service,
    instanceId: id,
    record,
    hashHigh,
    hashLow,
  };
}

export function removalEntry(fence: Fence): RemovalEntry {
  const { serviceKey, instanceId } = fence;
  const slash = serviceKey.indexOf("/");
  const namespace = serviceKey.slice(0, slash);
  const service = serviceKey.slice(slash + 1);
  const key = `${serviceKey}/${instanceId}`;
  return { kind: "removal", key, serviceKey, namespace, service, instanceId, fence };
}

/** True when the fence ends this registration, or this attachment of it. */
export function isFencedBy({ instance, adoption }: ReplicatedRecord, fence: Fence): boolean {
  const { registrationId, generation } = instance;
  return isCovered({ registrationId, generation, adoption }, fence);
}
