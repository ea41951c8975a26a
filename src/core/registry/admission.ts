import type { RemovalReason } from "../model/endpoint.ts";
import { hash64 } from "../model/hash.ts";
import { formatAddress, type Instance, type ServiceDefaults } from "../model/instance.ts";
import type { InstanceId, RegistrationId, ServiceKey } from "../model/names.ts";
import type { Fences } from "./fences.ts";
import type { InstanceRecord, RegisteredService } from "./record.ts";

export interface RegistryLimits {
  /** A replica holds every record in memory: 250,000 cost some 200 MB. */
  readonly maxInstances: number;
  /** One service is one list in every agent that watches it. */
  readonly maxInstancesPerService: number;
  readonly maxServices: number;
}

export const DEFAULT_REGISTRY_LIMITS: RegistryLimits = {
  maxInstances: 250_000,
  maxInstancesPerService: 20_000,
  maxServices: 50_000,
};

export interface RegisterInput {
  readonly instance: Instance;
  readonly defaults: ServiceDefaults | undefined;
  /** From an earlier registration of the same process, perhaps at another replica. */
  readonly firstRegisteredHlc?: number;
}

/** Refusals are ordinary answers: the client must handle each. */
export type RegisterRefusal =
  /** Final: another process holds the id, or an operator evicted this one. */
  | { readonly kind: "superseded"; readonly message: string }
  /** The attachment ended: come back with a higher generation. */
  | { readonly kind: "stale-generation"; readonly atLeast: number; readonly message: string }
  | { readonly kind: "limit"; readonly subject: string; readonly message: string };

export type RegisterResult =
  | { readonly kind: "registered"; readonly record: InstanceRecord }
  | RegisterRefusal;

/** A registration and what the registry knows around it. */
interface Candidate {
  readonly registry: Known;
  readonly limits: RegistryLimits;
  readonly key: ServiceKey;
  readonly input: RegisterInput;
  readonly registrationId: RegistrationId;
  readonly entry: RegisteredService | undefined;
  readonly existing: InstanceRecord | undefined;
}

interface Known {
  readonly services: ReadonlyMap<ServiceKey, RegisteredService>;
  readonly fences: Fences;
  readonly instanceCount: number;
}

/** Why a registration is not let in; `undefined` when it is. */
export function refusalOf(candidate: Candidate): RegisterRefusal | undefined {
  return fenced(candidate) ?? outranked(candidate) ?? overLimit(candidate);
}

/**
 * The same answer for the same registration by hand, and another one after it was
 * deregistered: otherwise nobody could register it again by hand for an hour.
 */
export function deriveId(fences: Fences, key: ServiceKey, instance: Instance): RegistrationId {
  const ports = instance.ports.map(({ name, port }) => `${name}:${port}`).join(",");
  const base = `${key}/${instance.id}/${formatAddress(instance.address, 0)}/${ports}`;
  let id = `derived-${hash64(base).toString(16)}` as RegistrationId;
  for (let fence = fences.find(key, instance.id, id); fence?.kind === "registration"; ) {
    id = `derived-${hash64(`${base}/${fence.hlc}`).toString(16)}` as RegistrationId;
    fence = fences.find(key, instance.id, id);
  }
  return id;
}

/** The client's own count; for a registration by hand the one it had, or the next. */
export function generationOf(
  fences: Fences,
  instance: Instance,
  existing: InstanceRecord | undefined,
  key: ServiceKey,
  registrationId: RegistrationId,
): number {
  if (instance.generation > 0) return instance.generation;
  if (existing?.instance.registrationId === registrationId) return existing.instance.generation;
  return (fences.find(key, instance.id, registrationId)?.generation ?? 0) + 1;
}

/** An instance with what the registry decides, and the service's own strings: they arrive anew with every message. */
export function completed(
  instance: Instance,
  { namespace, name }: RegisteredService,
  registrationId: RegistrationId,
  generation: number,
): Instance {
  return {
    namespace,
    service: name,
    id: instance.id,
    address: instance.address,
    ports: instance.ports,
    weight: instance.weight,
    priority: instance.priority,
    locality: instance.locality,
    metadata: instance.metadata,
    health: instance.health,
    registrationId,
    generation,
    leaseMs: instance.leaseMs,
  };
}

function fenced(candidate: Candidate): RegisterRefusal | undefined {
  const { registry, key, registrationId } = candidate;
  const { instance } = candidate.input;
  const fence = registry.fences.find(key, instance.id, registrationId);
  if (fence === undefined) return undefined;
  if (fence.kind === "registration") {
    return { kind: "superseded", message: whoHolds(registry, key, instance.id, fence.reason) };
  }
  if (instance.generation === 0 || instance.generation > fence.generation) return undefined;
  const atLeast = fence.generation + 1;
  return {
    kind: "stale-generation",
    atLeast,
    message: `the lease of ${key}/${instance.id} ended in generation ${fence.generation}; register again with generation ${atLeast}`,
  };
}

function outranked(candidate: Candidate): RegisterRefusal | undefined {
  const { registry, key, existing, input } = candidate;
  if (existing === undefined) return undefined;
  const { id, registrationId, generation } = existing.instance;
  if (registrationId === candidate.registrationId) {
    const claimed = input.instance.generation;
    if (claimed === 0 || claimed >= generation) return undefined;
    return {
      kind: "stale-generation",
      atLeast: generation + 1,
      message: `${key}/${id} is attached in generation ${generation}; register again with generation ${generation + 1}`,
    };
  }
  const firstHlc = input.firstRegisteredHlc;
  const isLater = firstHlc === undefined || firstHlc > existing.firstRegisteredHlc;
  const isTied = firstHlc === existing.firstRegisteredHlc;
  if (isLater || (isTied && candidate.registrationId > registrationId)) return undefined;
  return { kind: "superseded", message: whoHolds(registry, key, id, "superseded") };
}

function overLimit(candidate: Candidate): RegisterRefusal | undefined {
  const { registry, key, entry, existing } = candidate;
  const { maxInstances, maxInstancesPerService, maxServices } = candidate.limits;
  if (existing !== undefined) return undefined;
  if (registry.instanceCount >= maxInstances) {
    return limit("instances", `this replica holds ${maxInstances} instances already`);
  }
  if (entry === undefined && registry.services.size >= maxServices) {
    return limit("services", `this replica holds ${maxServices} services already`);
  }
  if (entry !== undefined && entry.records.size >= maxInstancesPerService) {
    return limit(key, `${key} has ${maxInstancesPerService} instances already`);
  }
  return undefined;
}

function whoHolds(registry: Known, key: ServiceKey, id: InstanceId, reason: RemovalReason): string {
  const holder = registry.services.get(key)?.records.get(id)?.instance;
  const by =
    holder === undefined
      ? "nobody holds the id now"
      : `registration ${holder.registrationId} at ${formatAddress(holder.address, holder.ports[0]?.port ?? 0)} holds the id now`;
  return `this registration of ${key}/${id} was ${reason} and cannot come back; ${by}; start the process anew, or give it an id of its own`;
}

function limit(subject: string, message: string): RegisterRefusal {
  return { kind: "limit", subject, message };
}
