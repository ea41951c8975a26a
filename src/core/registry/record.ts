import type { Endpoint, EndpointState } from "../model/endpoint.ts";
import type { Instance, ServiceDefaults } from "../model/instance.ts";
import type { InstanceId } from "../model/names.ts";
import type { LeaseGroup } from "./lease.ts";
import { ServedEndpoint } from "./served-endpoint.ts";
import type { ServiceEntry } from "./service-entry.ts";

/** A service with its registrations. */
export type RegisteredService = ServiceEntry<InstanceRecord>;

/** Registrations that one client keeps alive together. */
export type RecordLeases = LeaseGroup<InstanceRecord>;

/** What operators decided of a registration; the revision grows with each decision. */
export interface OperatorPart {
  readonly revision: number;
  readonly isDraining: boolean;
}

const NEVER_OPERATED: OperatorPart = { revision: 0, isDraining: false };

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
  operatorRevision: number;
  isDraining: boolean;
  /** Silent for longer than its lease while expiry is frozen. */
  isSuspect = false;
  /** When it became suspect, or 0. */
  suspectSinceMs = 0;
  /** How often replicas took it over from one that died: each time by one. */
  adoption = 0;
  group: RecordLeases;
  /** True once it was removed. */
  isGone = false;
  #endpoint: ServedEndpoint;

  constructor(
    service: RegisteredService,
    instance: Instance,
    hlc: number,
    group: RecordLeases,
    operator: OperatorPart = NEVER_OPERATED,
  ) {
    this.service = service;
    this.instance = instance;
    this.firstRegisteredHlc = hlc;
    this.group = group;
    this.operatorRevision = operator.revision;
    this.isDraining = operator.isDraining;
    this.#endpoint = new ServedEndpoint(instance, stateOf(this), operator.revision, hlc);
  }

  /** Whether this replica keeps its lease. */
  get isOwn(): boolean {
    return this.group.ownerId === "";
  }

  get id(): InstanceId {
    return this.instance.id;
  }

  /** What agents are told; its content never changes, `refresh` replaces it. */
  get endpoint(): Endpoint {
    return this.#endpoint;
  }

  /** Belongs to another group from now on. */
  keepUnder(group: RecordLeases): void {
    if (this.group === group) return;
    this.group.left();
    this.group = group;
    group.add(this);
  }

  /** @returns true when agents must be told. */
  refresh(): boolean {
    const { instance, operatorRevision, firstRegisteredHlc } = this;
    const state = stateOf(this);
    const isSame = this.#endpoint.says(instance, state, operatorRevision);
    if (isSame) this.#endpoint.adopt(instance);
    else {
      this.#endpoint = new ServedEndpoint(instance, state, operatorRevision, firstRegisteredHlc);
    }
    return !isSame;
  }

  /** The same process attached anew. @returns true when agents must be told. */
  replace(instance: Instance): boolean {
    const former = this.instance;
    this.instance = instance;
    this.isSuspect = false;
    this.suspectSinceMs = 0;
    const isChanged = this.refresh();
    if (isChanged) return true;
    // What arrived is equal to what is here, which is older and in nobody's way.
    const { generation, leaseMs, health } = instance;
    const isEqual =
      former.generation === generation && former.leaseMs === leaseMs && former.health === health;
    this.instance = isEqual ? former : { ...former, generation, leaseMs, health };
    this.#endpoint.adopt(this.instance);
    return false;
  }
}

function stateOf(record: InstanceRecord): EndpointState {
  if (record.isDraining) return "draining";
  if (record.instance.health === "unhealthy") return "unhealthy";
  return record.isSuspect ? "suspect" : "healthy";
}
