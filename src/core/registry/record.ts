import type { Endpoint, EndpointState } from "../model/endpoint.ts";
import { hash64 } from "../model/hash.ts";
import type { Instance, ServiceDefaults } from "../model/instance.ts";
import type { RegistrationId } from "../model/names.ts";
import type { LeaseGroup } from "./lease.ts";
import type { ServiceEntry } from "./service-entry.ts";

/** A service with its registrations. */
export type RegisteredService = ServiceEntry<InstanceRecord>;

/** Registrations that one client keeps alive together. */
export type RecordLeases = LeaseGroup<InstanceRecord>;

/**
 * One registration. The client's part (`instance`) is ordered by registrationId and
 * generation; the operator's part (drain) has a revision of its own and survives re-attaches.
 */
export class InstanceRecord {
  readonly service: RegisteredService;
  instance: Instance;
  defaults: ServiceDefaults | undefined;
  /** When this registrationId first registered anywhere: orders it against other processes. */
  firstRegisteredHlc: number;
  operatorRevision = 0;
  isDraining = false;
  /** Silent for longer than its lease while expiry is frozen. */
  isSuspect = false;
  /** When it became suspect, or 0. */
  suspectSinceMs = 0;
  group: RecordLeases;
  /** What agents are told; immutable, replaced by `refresh`. */
  endpoint: Endpoint;

  constructor(service: RegisteredService, instance: Instance, hlc: number, group: RecordLeases) {
    this.service = service;
    this.instance = instance;
    this.firstRegisteredHlc = hlc;
    this.group = group;
    this.endpoint = endpointOf(this);
  }

  /** @returns true when agents must be told. */
  refresh(): boolean {
    const next = endpointOf(this);
    const isSame =
      next.hash === this.endpoint.hash && next.operatorRevision === this.endpoint.operatorRevision;
    if (!isSame) this.endpoint = next;
    return !isSame;
  }
}

function stateOf(record: InstanceRecord): EndpointState {
  if (record.isDraining) return "draining";
  if (record.instance.health === "unhealthy") return "unhealthy";
  return record.isSuspect ? "suspect" : "healthy";
}

function endpointOf(record: InstanceRecord): Endpoint {
  const { instance } = record;
  const content = {
    id: instance.id,
    registrationId: instance.registrationId,
    address: instance.address,
    ports: instance.ports,
    weight: instance.weight,
    priority: instance.priority,
    locality: instance.locality,
    state: stateOf(record),
    metadata: instance.metadata,
    operatorRevision: record.operatorRevision,
  };
  return { ...content, hash: hash64(canonicalText(content)) };
}

/** Names, ids, ports and metadata hold no NUL, so fields cannot run into each other. */
function canonicalText(endpoint: Omit<Endpoint, "hash">): string {
  let text = `${endpoint.id}\0${endpoint.registrationId}\0${endpoint.address.kind}\0${endpoint.address.value}`;
  for (const { name, port, protocol } of endpoint.ports) text += `\0${name}\0${port}\0${protocol}`;
  text += `\0\0${endpoint.weight}\0${endpoint.priority}\0${endpoint.state}`;
  const { region, zone, subZone } = endpoint.locality;
  text += `\0${region}\0${zone}\0${subZone}`;
  if (endpoint.metadata.size === 0) return text;
  for (const key of [...endpoint.metadata.keys()].sort()) {
    text += `\0${key}\0${endpoint.metadata.get(key)}`;
  }
  return text;
}

/** Shares the service's strings, which arrive anew with every message. */
export function sharedInstance(
  service: RegisteredService,
  instance: Instance,
  registrationId: RegistrationId,
  generation: number,
): Instance {
  return {
    ...instance,
    namespace: service.namespace,
    service: service.name,
    registrationId,
    generation,
  };
}
