import type { Instance, ServiceDefaults } from "../model/instance.ts";
import { type Attachment, type Fence, isCovered } from "./fences.ts";
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

/** When something is taken in, and by whom. */
export interface TakeIn {
  readonly nowMs: number;
  readonly wallMs: number;
  /** This replica's id: it decides where nothing else does. */
  readonly replicaId: string;
}

/**
 * Takes in what the owner of a record says.
 *
 * @param owner what that replica keeps; its registrations name it as their group.
 */
export function applyForeign(
  registry: Registry,
  owner: RecordLeases,
  foreign: ForeignRecord,
  by: TakeIn,
): ForeignOutcome {
  const { instance } = foreign;
  const { key } = registry.serviceFor(instance.namespace, instance.service);
  const fence = registry.fences.find(key, instance.id, instance.registrationId);
  if (fence !== undefined && isCovered(attachmentOf(foreign), fence)) return "fenced";
  registry.hlc.advance(foreign.firstRegisteredHlc);
  const existing = registry.services.get(key)?.records.get(instance.id);
  if (existing === undefined) {
    registry.insert(recordOf(registry, owner, foreign));
    return "applied";
  }
  const isSameProcess = existing.instance.registrationId === instance.registrationId;
  const isOwners = isSameProcess && existing.group === owner;
  const counts = outranks(rankOf(foreign, owner.ownerId), rankOf(existing, by.replicaId));
  if (!isOwners && !counts) {
    // Whichever of the two came first here, the earlier process is over for all.
    if (isSameProcess) learnOperator(registry, existing, foreign);
    else {
      const { id: instanceId, registrationId } = instance;
      registry.shutOut({ service: key, instanceId, registrationId }, "superseded", by);
    }
    return "outranked";
  }
  if (!isSameProcess) {
    registry.remove(existing, "superseded", by.nowMs, by.wallMs);
    registry.insert(recordOf(registry, owner, foreign));
    return "applied";
  }
  const part = operatorPartOf(foreign, existing);
  existing.adoption = foreign.adoption;
  existing.firstRegisteredHlc = foreign.firstRegisteredHlc;
  registry.replace(existing, instance, foreign.defaults, owner);
  registry.setOwnersPart(existing, part);
  return "applied";
}

/**
 * A registration ended, or attachments of it: wherever they are owned, in whichever order that is heard.
 * @returns whether something was removed
 */
export function endForeign(registry: Registry, fence: Fence, nowMs: number): boolean {
  const record = registry.services.get(fence.serviceKey)?.records.get(fence.instanceId);
  if (record !== undefined && isCovered(attachmentOf(record), fence)) {
    registry.removeBy(record, fence, nowMs);
    return true;
  }
  registry.fences.add(fence, nowMs);
  return false;
}

/**
 * What operators decided of an attachment that is over holds for the next one, too.
 * @returns the registration of which that was not known
 */
export function learnDecision(registry: Registry, fence: Fence): InstanceRecord | undefined {
  const { serviceKey, instanceId, registrationId, operator } = fence;
  const record = registry.find({ service: serviceKey, instanceId, registrationId });
  if (record === undefined || operator === undefined) return undefined;
  const { revision: operatorRevision, isDraining } = operator;
  const isNews = learnOperator(registry, record, { operatorRevision, isDraining });
  return isNews ? record : undefined;
}

function learnOperator(
  registry: Registry,
  record: InstanceRecord,
  told: { readonly operatorRevision: number; readonly isDraining: boolean },
): boolean {
  const { operatorRevision, isDraining } = told;
  if (operatorRevision <= record.operatorRevision) return false;
  registry.setOwnersPart(record, { operatorRevision, isDraining, isSuspect: record.isSuspect });
  return true;
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

function attachmentOf(of: ForeignRecord | InstanceRecord): Attachment {
  const { registrationId, generation } = of.instance;
  return { registrationId, generation, adoption: of.adoption };
}

/** @param ownerId of a record that names none: ours, or that of the peer that tells it */
function rankOf(of: ForeignRecord | InstanceRecord, ownerId: string): Ranked {
  const { operatorRevision, firstRegisteredHlc } = of;
  const named = "group" in of ? of.group.ownerId : "";
  return {
    ...attachmentOf(of),
    ...{ operatorRevision, firstRegisteredHlc },
    ownerId: named === "" ? ownerId : named,
  };
}
