import type { PendingAgent } from "../core/discovery/drain-barrier.ts";
import type { ServiceView } from "../core/discovery/service-view.ts";
import type { Health, Metadata } from "../core/model/instance.ts";
import type { RegisterInput } from "../core/registry/admission.ts";
import type { InstanceRecord, RegisteredService } from "../core/registry/record.ts";
import type { LeaseKey, LeaseResult } from "../core/registry/registry.ts";
import type { FrozenScope } from "../core/registry/self-preservation.ts";
import type { BusState } from "./bus.ts";
import type { ClusterMember, OrphanCounts, ReplicaIdentity } from "./cluster-view.ts";
import type { PolicyStoreState } from "./policy-store.ts";
import type { ListenerState, ProcessState, StateDirectoryState } from "./server-host.ts";

/** How a drain ended. */
export interface DrainResult {
  readonly outcome: "safe" | "deadline";
  readonly pending: readonly PendingAgent[];
  readonly waitedMs: number;
  readonly agentCount: number;
}

export type NoticeKind = "superseded" | "reattach" | "evicted";

/** The server's end of an Attach session. */
export interface AttachSink {
  notice(lease: LeaseKey, kind: NoticeKind, detail: string): void;
  drain(retryAfterMs: number): void;
  end(): void;
}

/** One Attach session, as the gRPC handler drives it. Every call counts as a sign of life. */
export interface AttachSession {
  readonly id: string;
  /** @throws MeshError for that one registration; the others of a batch go on. */
  register(input: RegisterInput): InstanceRecord;
  /** Tells agents; called once after a batch. */
  flush(): void;
  beat(): void;
  setHealth(lease: LeaseKey, health: Health): void;
  deregister(leases: readonly LeaseKey[]): Promise<("removed" | "not-found" | "superseded")[]>;
  closed(): void;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextPageToken: string;
}

export interface PageRequest {
  /** 1..1000. */
  readonly size: number;
  /** From the page before; empty for the first. */
  readonly token: string;
}

/** What the registry, discovery and admin handlers need of the program. */
export interface RegistryService {
  readonly replicaId: string;
  /** @throws MeshError */
  register(input: RegisterInput): InstanceRecord;
  /** Counts a registration that was not let in, alone or in a batch: for its fields, its sender, or by `register`. */
  refused(error: unknown): void;
  /** At once when this replica keeps all of them. @throws MeshError NOT_SYNCED */
  renew(leases: readonly LeaseKey[]): LeaseResult[] | Promise<LeaseResult[]>;
  /** Journaled before it resolves. @returns whose registration was removed. @throws MeshError */
  deregister(lease: LeaseKey): Promise<string>;
  evict(lease: LeaseKey): Promise<string>;
  /** Waits up to `deadlineMs` until no agent needs the instance. @throws MeshError */
  drain(lease: LeaseKey, deadlineMs: number, signal: AbortSignal): Promise<DrainResult>;
  /** @returns the operator revision. @throws MeshError */
  undrain(lease: LeaseKey): Promise<number>;
  /** @throws MeshError LIMIT_REACHED or DRAINING. */
  attach(clientId: string, sink: AttachSink): AttachSession;
  listServices(namespace: string, page: PageRequest): Page<RegisteredService>;
  /** @throws MeshError SERVICE_NOT_FOUND */
  listInstances(
    namespace: string,
    service: string,
    metadata: Metadata,
    page: PageRequest,
  ): Page<InstanceRecord>;
  /** @throws MeshError SERVICE_NOT_FOUND */
  resolve(namespace: string, service: string): ServiceView;
  /** Milliseconds until the lease ends; negative while expiry is frozen. */
  leaseRemainingMs(record: InstanceRecord): number;
}

export type AgentState = "synced" | "stale" | "held" | "nacked" | "disconnected";

/** An agent as operators see it. */
export interface AgentView {
  readonly id: string;
  readonly peer: string;
  readonly isDataPlane: boolean;
  readonly state: AgentState;
  readonly subscriptionCount: number;
  readonly version: number;
  readonly lagMs: number;
  readonly softwareVersion: string;
  readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string };
  readonly lastRejection: string;
  readonly connectedMs: number;
  /** Of the service where it is behind most; 0 when synced. */
  readonly versionsBehind: number;
}

export interface ServerStatus {
  readonly replicaId: string;
  readonly softwareVersion: string;
  readonly epoch: number;
  readonly version: number;
  readonly isSettled: boolean;
  readonly uptimeMs: number;
  readonly nowMs: number;
  readonly frozen: readonly FrozenScope[];
  readonly freezeCount: number;
  readonly serviceCount: number;
  readonly instanceCount: number;
  readonly watchCount: number;
  readonly sessionCount: number;
  readonly degraded: readonly string[];
}

/** Something that is kept up to a limit. */
export interface Usage {
  readonly name: "instances" | "services" | "watches" | "sessions" | "fences";
  readonly used: number;
  readonly limit: number;
}

/** What the server runs on, and how much of it is left. */
export interface ServerResources {
  /** Milliseconds since 1970, by the server's wall clock. */
  readonly wallMs: number;
  readonly isDraining: boolean;
  readonly usage: readonly Usage[];
  readonly listeners: readonly ListenerState[];
  readonly stateDirectory: StateDirectoryState;
  readonly process: ProcessState;
  readonly policyStore: PolicyStoreState;
}

/** The cluster as this replica sees it now. */
export interface ClusterStatus {
  readonly name: string;
  /** This replica first, then the others by id. */
  readonly members: readonly ClusterMember[];
  readonly bus: BusState;
  /** How long the bus is connected, or is not. */
  readonly busForMs: number;
  readonly isSynced: boolean;
  readonly garbageCount: number;
  readonly identity: ReplicaIdentity;
  readonly orphans: OrphanCounts;
  /** The replica that does what only one may do; `""` when none is known. */
  readonly leader: string;
}

/** What operators ask. */
export interface AdminService {
  readonly replicaId: string;
  agents(page: PageRequest): Page<AgentView>;
  status(): ServerStatus;
  /** Asks the operating system: for people, not for requests. */
  resources(): ServerResources;
  /** `undefined` when this replica is alone. */
  cluster(): ClusterStatus | undefined;
}
