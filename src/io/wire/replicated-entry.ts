import { MeshError } from "../../core/model/mesh-error.ts";
import {
  type InstanceId,
  isInstanceId,
  isName,
  type RegistrationId,
  serviceKey,
  splitServiceKey,
} from "../../core/model/names.ts";
import { isRegistrationId } from "../../core/model/validate-names.ts";
import type { Fence } from "../../core/registry/fences.ts";
import {
  type ReceivedEntry,
  type RecordEntry,
  receivedRecord,
  removalEntry,
} from "../../core/replication/entry.ts";
import {
  Entry,
  type RecordEntry as RecordMessage,
  type RemovalEntry as RemovalMessage,
} from "../../gen/weir/replication/v1/replication.ts";
import { removalReasonFromWire, removalReasonToWire } from "./endpoint.ts";
import {
  defaultsToWire,
  defaultsUnchecked,
  instanceToWire,
  instanceUnchecked,
} from "./instance.ts";
import { wholeNumber } from "./whole-number.ts";

/** The bytes of one entry; of an unknown one those that arrived. */
export function encodeEntry(entry: ReceivedEntry): Buffer {
  if (entry.kind === "unknown") return viewOf(entry.bytes);
  const kind: Entry["kind"] =
    entry.kind === "record"
      ? { $case: "record", value: recordToWire(entry) }
      : { $case: "removal", value: removalToWire(entry.fence) };
  return viewOf(Entry.encode({ kind }).finish());
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/**
 * What an instance says was checked where it was registered, perhaps by newer rules than ours; only
 * names and numbers are looked at.
 * @throws Error for what is no entry
 */
export function decodeEntry(bytes: Uint8Array): ReceivedEntry {
  const { kind } = Entry.decode(bytes);
  if (kind === undefined) return { kind: "unknown", bytes: Uint8Array.from(bytes) };
  return kind.$case === "record" ? recordFromWire(kind.value) : removalEntry(fenceFrom(kind.value));
}

function recordToWire({ record, hashHigh, hashLow }: RecordEntry): RecordMessage {
  const { defaults } = record;
  return {
    instance: instanceToWire(record.instance),
    defaults: defaults && defaultsToWire(defaults),
    firstRegisteredHlc: BigInt(record.firstRegisteredHlc),
    operatorRevision: BigInt(record.operatorRevision),
    draining: record.isDraining,
    suspect: record.isSuspect,
    adoption: BigInt(record.adoption),
    hash: (BigInt(hashHigh >>> 0) << 32n) | BigInt(hashLow >>> 0),
  };
}

function recordFromWire(message: RecordMessage): RecordEntry {
  if (message.instance === undefined) throw garbage("a record has no instance");
  const instance = instanceUnchecked(message.instance);
  const { namespace, service, id, registrationId, generation } = instance;
  checkNames(namespace, service, id, registrationId);
  if (!Number.isSafeInteger(generation)) throw garbage("a record's generation is no count");
  const record = {
    instance,
    defaults: defaultsUnchecked(message.defaults),
    firstRegisteredHlc: wholeNumber(message.firstRegisteredHlc, "first_registered_hlc"),
    operatorRevision: wholeNumber(message.operatorRevision, "operator_revision"),
    isDraining: message.draining,
    isSuspect: message.suspect,
    adoption: wholeNumber(message.adoption, "adoption"),
  };
  return receivedRecord(record, Number(message.hash >> 32n) | 0, Number(message.hash & LOW) | 0);
}

const LOW = 0xffffffffn;

function removalToWire(fence: Fence): RemovalMessage {
  const { namespace, service } = splitServiceKey(fence.serviceKey);
  return {
    namespace,
    service,
    instanceId: fence.instanceId,
    registrationId: fence.registrationId,
    generation: fence.kind === "generation" ? BigInt(fence.generation) : undefined,
    hlc: BigInt(fence.hlc),
    reason: removalReasonToWire(fence.reason),
    operatorRevision: fence.operator && BigInt(fence.operator.revision),
    draining: fence.operator?.isDraining ?? false,
    adoption: BigInt(fence.adoption ?? 0),
  };
}

function fenceFrom(message: RemovalMessage): Fence {
  const { namespace, service, instanceId, registrationId, generation } = message;
  checkNames(namespace, service, instanceId, registrationId);
  const { operatorRevision, draining: isDraining } = message;
  const revision = wholeNumber(operatorRevision ?? 0n, "operator_revision");
  const adoption = wholeNumber(message.adoption, "adoption");
  return {
    serviceKey: serviceKey(namespace, service),
    instanceId: instanceId as InstanceId,
    registrationId: registrationId as RegistrationId,
    kind: generation === undefined ? "registration" : "generation",
    generation: wholeNumber(generation ?? 0n, "generation"),
    ...(adoption > 0 && { adoption }),
    hlc: wholeNumber(message.hlc, "hlc"),
    reason: removalReasonFromWire(message.reason),
    ...(operatorRevision !== undefined && { operator: { revision, isDraining } }),
  };
}

function checkNames(namespace: string, service: string, id: string, registration: string): void {
  if (!isName(namespace) || !isName(service)) throw garbage("an entry names no service");
  if (!isInstanceId(id) || !isRegistrationId(registration)) {
    throw garbage("an entry names no registration");
  }
}

function garbage(what: string): MeshError {
  return new MeshError("PROTOCOL_VIOLATION", `${what}; did a Weir replica send it?`);
}
