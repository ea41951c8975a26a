import type { Instance, ServiceDefaults } from "../model/instance.ts";
import type { ServiceKey } from "../model/names.ts";
import type { Fence } from "./fences.ts";
import { InstanceRecord, type RecordLeases } from "./record.ts";
import { outranks, type Ranked } from "./record-order.ts";
import type { Registry } from "./registry.ts";

/** A record as its owner, another replica, tells it. */
export interface ForeignRecord {
  readonly instance: Instance;
  readonly defaults: ServiceDefaults | undefined;
  /** Orders processes that claim one id. */
  readonly firstRegisteredHlc: number;
  readonly operatorRevision: number;
  readonly isDraining: boolean;
  readonly isSuspect: boolean;
  /** 0 for what a client registered there; +1 each time that a replica took it over. */
  readonly adoption: number;
}

/**
 * What became of it:
 * - `applied`: it is what agents are told now.
 * - `fenced`: that process, or that attachment, ended.
 * - `outranked`: another replica, or we, have a record that counts more.
 */
export type ForeignOutcome = "applied" | "fenced" | "outranked";

/**
 * Takes in what the owner of a record says.
 *
 * @param owner what that replica keeps; its registrations name it as their group.
 */
export function applyForeign(
  registry: Registry,
  owner: RecordLeases,
  foreign: ForeignRecord,
  time: { readonly nowMs: number; readonly wallMs: number },
): ForeignOutcome {
  const { instance } = foreign;
  const service = registry.serviceFor(instance.namespace, instance.service);
  if (isFenced(registry, service.key, instance)) return "fenced";
  registry.advanceHlc(foreign.firstRegisteredHlc);
  const existing = service.records.get(instance.id);
  if (existing === undefined) {
    registry.insert(recordOf(registry, owner, foreign));
    return "applied";
  }
  const isOwners = existing.group === owner;
  if (!isOwners && !outranks(rankOf(foreign), rankOf(existing))) return "outranked";
  if (existing.instance.registrationId !== instance.registrationId) {
    registry.remove(existing, "superseded", time.nowMs, time.wallMs);
    registry.insert(recordOf(registry, owner, foreign));
    return "applied";
  }
  const part = operatorPartOf(foreign, existing);
  existing.adoption = foreign.adoption;
  registry.replace(existing, instance, foreign.defaults, owner);
  registry.setOwnersPart(existing, part);
  return "applied";
}

/** An owner ended a registration. What another one holds by now is not his to end. @returns whether it was removed. */
export function endForeign(
  registry: Registry,
  owner: RecordLeases,
  fence: Fence,
  nowMs: number,
): boolean {
  const record = registry.services.get(fence.serviceKey)?.records.get(fence.instanceId);
  const isMeant = record?.instance.registrationId === fence.registrationId;
  if (record === undefined || !isMeant || !ends(fence, record, owner)) {
    registry.fences.add(fence, nowMs);
    return false;
  }
  registry.removeBy(record, fence, nowMs);
  return true;
}

/** A process that ended is over everywhere; an attachment only where it still counts. */
function ends(fence: Fence, record: InstanceRecord, owner: RecordLeases): boolean {
  if (fence.kind === "registration") return true;
  return record.group === owner && record.instance.generation <= fence.generation;
}

function isFenced({ fences }: Registry, service: ServiceKey, instance: Instance): boolean {
  const fence = fences.find(service, instance.id, instance.registrationId);
  if (fence === undefined) return false;
  return fence.kind === "registration" || instance.generation <= fence.generation;
}

function recordOf(registry: Registry, owner: RecordLeases, foreign: ForeignRecord) {
  const { instance, firstRegisteredHlc, operatorRevision, isDraining } = foreign;
  const service = registry.serviceFor(instance.namespace, instance.service);
  const operator = { revision: operatorRevision, isDraining };
  const record = new InstanceRecord(service, instance, firstRegisteredHlc, owner, operator);
  record.defaults = foreign.defaults;
  record.adoption = foreign.adoption;
  record.isSuspect = foreign.isSuspect;
  record.refresh();
  return record;
}

/** A drain that we know of is not undone by an attachment elsewhere that has not heard of it. */
function operatorPartOf(foreign: ForeignRecord, existing: InstanceRecord) {
  const { isSuspect } = foreign;
  const newest = foreign.operatorRevision >= existing.operatorRevision ? foreign : existing;
  return { operatorRevision: newest.operatorRevision, isDraining: newest.isDraining, isSuspect };
}

function rankOf(of: ForeignRecord | InstanceRecord): Ranked {
  const { instance, adoption, operatorRevision, firstRegisteredHlc } = of;
  const { registrationId, generation } = instance;
  return { registrationId, generation, adoption, operatorRevision, firstRegisteredHlc };
}
