import type { RemovalReason } from "../model/endpoint.ts";
import type { Health, Instance, ServiceDefaults } from "../model/instance.ts";
import {
  type InstanceId,
  type RegistrationId,
  type ServiceKey,
  serviceKey,
} from "../model/names.ts";
import {
  completed,
  DEFAULT_REGISTRY_LIMITS,
  deriveId,
  generationOf,
  type RegisterInput,
  type RegisterResult,
  type RegistryLimits,
  refusalOf,
} from "./admission.ts";
import { type Fence, Fences } from "./fences.ts";
import { HybridClock } from "./hlc.ts";
import { LeaseWheel } from "./lease.ts";
import { InstanceRecord, type RecordLeases, type RegisteredService } from "./record.ts";
import type { RegistryListener } from "./registry-listener.ts";
import { ServiceDirectory } from "./service-directory.ts";
import { sameDefaults } from "./service-entry.ts";
import { newLease, UnownedRecords } from "./unowned.ts";

/** Whose lease; without a registrationId, whoever holds the id. */
export interface LeaseKey {
  readonly service: ServiceKey;
  readonly instanceId: InstanceId;
  readonly registrationId: RegistrationId | "";
}

export type LeaseResult = "renewed" | "not-found" | "superseded";

/** Which instances exist. Deterministic: time comes as arguments, effects go to the listener. */
export class Registry {
  readonly #directory = new ServiceDirectory();
  readonly services: ReadonlyMap<ServiceKey, RegisteredService> = this.#directory.byKey;
  readonly fences = new Fences();
  readonly leases = new LeaseWheel<InstanceRecord>();
  readonly unowned = new UnownedRecords();
  /** Orders processes that claim one id. */
  readonly hlc = new HybridClock();
  readonly #limits: RegistryLimits;
  readonly #listener: RegistryListener;
  #instanceCount = 0;
  #changeCount = 0;

  constructor(listener: RegistryListener, limits: RegistryLimits = DEFAULT_REGISTRY_LIMITS) {
    this.#listener = listener;
    this.#limits = limits;
  }

  get instanceCount(): number {
    return this.#instanceCount;
  }

  /** Grows with every change that a restart should not forget. */
  get changeCount(): number {
    return this.#changeCount;
  }

  /** Creates or replaces. `group` is the session's for its lease length, or a new one for a unary call. */
  register(
    input: RegisterInput,
    groupFor: (leaseMs: number) => RecordLeases,
    time: { readonly nowMs: number; readonly wallMs: number },
  ): RegisterResult {
    const entry = this.#directory.find(input.instance.namespace, input.instance.service);
    const key = entry?.key ?? serviceKey(input.instance.namespace, input.instance.service);
    const existing = entry?.records.get(input.instance.id);
    const registrationId =
      input.instance.registrationId || deriveId(this.fences, key, input.instance);
    const refusal = refusalOf({
      registry: this,
      limits: this.#limits,
      key,
      input,
      registrationId,
      entry,
      existing,
    });
    if (refusal !== undefined) return refusal;

    const isSameProcess = existing?.instance.registrationId === registrationId;
    if (existing !== undefined && !isSameProcess)
      this.remove(existing, "superseded", time.nowMs, time.wallMs);
    const generation = generationOf(this.fences, input.instance, existing, key, registrationId);
    const group = groupFor(input.instance.leaseMs);
    const { namespace, service: name } = input.instance;
    const service = entry ?? this.#directory.add(key, namespace, name);
    const instance = completed(input.instance, service, registrationId, generation);
    if (existing !== undefined && isSameProcess) {
      // Its client went from one replica to another without counting: who has it now counts more.
      if (!existing.isOwn && existing.instance.generation === generation) existing.adoption++;
      this.replace(existing, instance, input.defaults, group);
      return { kind: "registered", record: existing };
    }
    const hlc = this.hlc.accept(input.firstRegisteredHlc, time.wallMs);
    // Revisions are of one process: replicas that know other predecessors begin alike.
    const operator = this.fences.find(key, instance.id, registrationId)?.operator;
    const record = new InstanceRecord(service, instance, hlc, group, operator);
    record.defaults = input.defaults;
    this.insert(record);
    return { kind: "registered", record };
  }

  find(lease: LeaseKey): InstanceRecord | undefined {
    const record = this.services.get(lease.service)?.records.get(lease.instanceId);
    if (record === undefined || lease.registrationId === "") return record;
    return record.instance.registrationId === lease.registrationId ? record : undefined;
  }

  /** What a lease that `find` misses came to. */
  whyMissing(lease: LeaseKey): "not-found" | "superseded" {
    if (lease.registrationId === "") return "not-found";
    const fence = this.fences.find(lease.service, lease.instanceId, lease.registrationId);
    if (fence?.kind === "registration" && fence.reason !== "deregistered") return "superseded";
    const holder = this.services.get(lease.service)?.records.get(lease.instanceId);
    return holder === undefined ? "not-found" : "superseded";
  }

  renew(lease: LeaseKey, nowMs: number): LeaseResult {
    const record = this.find(lease);
    if (record === undefined) return this.whyMissing(lease);
    if (this.unowned.has(record)) this.keepUnder(record, newLease(this.leases, record, nowMs));
    this.heard(record.group, nowMs);
    return "renewed";
  }

  /** A message came: every lease of the group runs anew. */
  heard(group: RecordLeases, nowMs: number): void {
    group.heardAtMs = nowMs;
    if (!group.hasSuspects) return;
    group.hasSuspects = false;
    for (const record of group.members()) if (record.isSuspect) this.#setSuspect(record, false, 0);
  }

  setHealth(record: InstanceRecord, health: Health): void {
    if (record.instance.health === health) return;
    record.instance = { ...record.instance, health };
    this.#wrote(record);
    if (record.refresh()) this.#listener.upserted(record);
  }

  /** Marks a silent instance whose expiry is frozen. */
  suspect(record: InstanceRecord, nowMs: number): void {
    if (record.isSuspect) return;
    record.group.hasSuspects = true;
    this.#setSuspect(record, true, nowMs);
  }

  /** @returns the operator revision after it. */
  setDraining(record: InstanceRecord, isDraining: boolean): number {
    if (record.isDraining === isDraining) return record.operatorRevision;
    record.isDraining = isDraining;
    record.operatorRevision++;
    this.#wrote(record);
    if (record.refresh()) this.#listener.upserted(record);
    return record.operatorRevision;
  }

  remove(record: InstanceRecord, reason: RemovalReason, nowMs: number, wallMs: number): Fence {
    const { service, instance, operatorRevision: revision, isDraining } = record;
    const mayReturn = reason === "expired" && revision > 0;
    const fence: Fence = {
      serviceKey: service.key,
      instanceId: instance.id,
      registrationId: instance.registrationId,
      kind: reason === "expired" ? "generation" : "registration",
      generation: instance.generation,
      ...(record.adoption > 0 && { adoption: record.adoption }),
      hlc: this.hlc.tick(wallMs),
      reason,
      ...(mayReturn && { operator: { revision, isDraining } }),
    };
    this.removeBy(record, fence, nowMs);
    if (!record.isOwn) this.#listener.ended(fence);
    return fence;
  }

  /** A process that is not here, and is over: nobody lets it in from now on. @returns `undefined` when that was known */
  shutOut(
    { service: serviceKey, instanceId, registrationId }: LeaseKey,
    reason: "superseded" | "deregistered",
    time: { readonly nowMs: number; readonly wallMs: number },
  ): Fence | undefined {
    if (registrationId === "") return undefined;
    const known = this.fences.find(serviceKey, instanceId, registrationId);
    if (known?.kind === "registration") return undefined;
    const fence: Fence = {
      ...{ serviceKey, instanceId, registrationId },
      ...{ kind: "registration", reason, generation: 0, hlc: this.hlc.tick(time.wallMs) },
    };
    this.fences.add(fence, time.nowMs);
    this.#listener.ended(fence);
    return fence;
  }

  /** Removes what that fence ends: our own, or its owner's. */
  removeBy(record: InstanceRecord, fence: Fence, nowMs: number): void {
    const { service } = record;
    this.fences.add(fence, nowMs);
    service.records.delete(record.id);
    record.isGone = true;
    record.group.left();
    this.#instanceCount--;
    this.#changeCount++;
    if (service.records.size === 0) service.emptySinceMs = nowMs;
    this.#listener.removed(record, fence.reason, fence);
    if (record.isOwn) this.#listener.ended(fence);
    if (service.left(record)) this.#listener.serviceChanged(service);
  }

  /** Puts in what was accepted before: by an earlier run, or by another replica. */
  insert(record: InstanceRecord): void {
    const { service } = record;
    service.records.set(record);
    service.emptySinceMs = 0;
    record.group.add(record);
    this.#instanceCount++;
    this.#wrote(record);
    if (service.joined(record)) this.#listener.serviceChanged(service);
    this.#listener.upserted(record);
  }

  /** The same process, as `group` has it now: attached anew, or at another replica. */
  replace(
    record: InstanceRecord,
    instance: Instance,
    defaults: ServiceDefaults | undefined,
    group: RecordLeases,
  ): void {
    const former = record.group;
    const formerGeneration = record.instance.generation;
    record.keepUnder(group);
    const isChanged = record.replace(instance);
    const saysTheSame = sameDefaults(record.defaults, defaults);
    record.defaults = defaults;
    this.#wrote(record);
    if (former.ownerId === "" && !record.isOwn)
      this.#listener.handedOver(record, formerGeneration, former);
    if (!saysTheSame && record.service.refreshDefaults()) {
      this.#listener.serviceChanged(record.service);
    }
    if (isChanged) this.#listener.upserted(record);
  }

  /** The same record, under other leases of ours from now on. */
  keepUnder(record: InstanceRecord, group: RecordLeases): void {
    record.keepUnder(group);
    this.#wrote(record);
  }

  /** What is said of a record beside its instance: by its owner, or by who knows of a later decision. */
  setOwnersPart(
    record: InstanceRecord,
    part: {
      readonly operatorRevision: number;
      readonly isDraining: boolean;
      readonly isSuspect: boolean;
    },
  ): void {
    record.operatorRevision = part.operatorRevision;
    record.isDraining = part.isDraining;
    record.isSuspect = part.isSuspect;
    this.#wrote(record);
    if (record.refresh()) this.#listener.upserted(record);
  }

  serviceFor(namespace: string, name: string): RegisteredService {
    return this.#directory.findOrAdd(namespace, name);
  }

  forgetOld(nowMs: number): void {
    this.fences.forgetOlderThan(nowMs);
    this.#directory.forgetOld(nowMs);
  }

  #setSuspect(record: InstanceRecord, isSuspect: boolean, sinceMs: number): void {
    record.isSuspect = isSuspect;
    record.suspectSinceMs = sinceMs;
    this.#wrote(record);
    if (record.refresh()) this.#listener.upserted(record);
  }

  #wrote(record: InstanceRecord): void {
    if (!record.isOwn) return;
    this.#changeCount++;
    this.#listener.written(record);
  }
}
