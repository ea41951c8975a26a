import type { Update } from "../core/discovery/update.ts";
import type { EndpointState } from "../core/model/endpoint.ts";
import type { Instance, Locality, Metadata, ServiceDefaults } from "../core/model/instance.ts";
import type { ClusterSummary } from "./cluster-api.ts";
import type { PolicyApi } from "./policy-api.ts";
import type { PolicyStoreState } from "./policy-store.ts";
import type { ProcessState, StateDirectoryState } from "./server-host.ts";

/**
 * The control plane as a person at a terminal needs it: every call that the command line makes.
 * Every method rejects with a MeshError whose message says what to do; `UNREACHABLE` when nobody
 * answers, `TIMEOUT` when the answer does not come.
 */
export interface ControlPlaneApi {
  /** All pages. @param namespace empty for every namespace. */
  listServices(namespace: string): Promise<ServiceSummary[]>;
  /** All pages; only instances whose metadata have all of these pairs. */
  listInstances(namespace: string, service: string, metadata: Metadata): Promise<InstanceListing[]>;
  register(registration: Registration): Promise<LeaseGrant>;
  renew(lease: LeaseName): Promise<RenewOutcome>;
  /** @returns whose registration was removed. */
  deregister(lease: LeaseName): Promise<string>;
  /** Resolves within `deadlineMs` and a little. */
  drain(lease: LeaseName, deadlineMs: number): Promise<DrainReport>;
  /** @returns the new operator revision. */
  undrain(lease: LeaseName): Promise<number>;
  /** @returns whose registration was removed. */
  evict(lease: LeaseName): Promise<string>;
  /** All pages. */
  listAgents(): Promise<AgentSummary[]>;
  status(): Promise<ServerState>;
  listMembers(): Promise<ClusterSummary>;
  /** What operators decided of services. */
  readonly policies: PolicyApi;
  /** Looks on as an observer: drains never wait for it. */
  observe(request: ObserveRequest, observer: Observer): Observation;
  /** Ends the connection; what is still asked rejects. */
  close(): void;
}

/** An empty `registrationId` means whoever holds the id. */
export interface LeaseName {
  readonly namespace: string;
  readonly service: string;
  readonly instanceId: string;
  readonly registrationId: string;
}

export interface Registration {
  /** With an empty `registrationId` the server derives one, so that repeating it changes nothing. */
  readonly instance: Instance;
  readonly defaults: ServiceDefaults | undefined;
  /** From an earlier grant of the same registration; empty at first. */
  readonly leaseToken: Uint8Array;
}

export interface LeaseGrant {
  readonly registrationId: string;
  readonly generation: number;
  /** Opaque. */
  readonly leaseToken: Uint8Array;
  readonly leaseMs: number;
  readonly renewIntervalMs: number;
}

export type RenewOutcome = "renewed" | "not-found" | "superseded";

export interface ServiceSummary {
  readonly namespace: string;
  readonly name: string;
  readonly protocol: string;
  /** Empty when no instance named one. */
  readonly policy: string;
  readonly instanceCount: number;
  readonly healthyCount: number;
  readonly hasConflictingDefaults: boolean;
}

export interface InstanceListing {
  readonly instance: Instance;
  readonly state: EndpointState;
  readonly effectiveWeight: number;
  readonly isDraining: boolean;
  /** Negative while expiry is frozen. */
  readonly leaseRemainingMs: number;
  /** Empty when no Attach session keeps it. */
  readonly sessionId: string;
  /** Milliseconds since 1970; 0 when unknown. */
  readonly registeredAtMs: number;
  /** What it says of its service; `undefined` when it says nothing, or the server is too old to tell. */
  readonly defaults: ServiceDefaults | undefined;
}

export type PendingReason =
  | "not-acknowledged"
  | "in-flight"
  | "disconnected"
  | "not-settled"
  | "last-endpoint"
  | "replica-unreachable"
  | "unknown";

export interface PendingDrain {
  readonly agentId: string;
  readonly reason: PendingReason;
  readonly detail: string;
}

export interface DrainReport {
  readonly outcome: "safe" | "deadline";
  readonly pending: readonly PendingDrain[];
  readonly waitedMs: number;
  readonly agentCount: number;
}

export interface AgentSummary {
  /** At which replica it is connected; empty when the server is too old to tell. */
  readonly replicaId: string;
  readonly id: string;
  readonly peer: string;
  readonly role: "data-plane" | "observer";
  readonly state: "synced" | "stale" | "held" | "nacked" | "disconnected" | "unknown";
  readonly subscriptionCount: number;
  readonly version: number;
  readonly lagMs: number;
  readonly softwareVersion: string;
  readonly locality: Locality;
  readonly lastRejection: string;
  readonly connectedMs: number;
  /** Of the service where it is behind most; 0 when synced. */
  readonly versionsBehind: number;
}

export interface ServerState {
  readonly replicaId: string;
  readonly softwareVersion: string;
  readonly epoch: number;
  readonly version: number;
  readonly isSettled: boolean;
  readonly uptimeMs: number;
  readonly frozen: readonly {
    readonly scope: string;
    readonly reason: string;
    readonly frozenForMs: number;
  }[];
  readonly serviceCount: number;
  readonly instanceCount: number;
  readonly watchCount: number;
  readonly sessionCount: number;
  readonly degraded: readonly string[];
  readonly isDraining: boolean;
  /** The server's wall clock, milliseconds since 1970; 0 when it is too old to tell. */
  readonly wallMs: number;
  readonly usage: readonly {
    readonly name: string;
    readonly used: number;
    readonly limit: number;
  }[];
  readonly listeners: readonly {
    readonly name: string;
    readonly address: string;
    readonly isTls: boolean;
  }[];
  /** `undefined` when the server is too old to tell. */
  readonly stateDirectory: StateDirectoryState | undefined;
  readonly process: ProcessState | undefined;
  readonly policyStore: PolicyStoreState | undefined;
}

/** `service` undefined means every service. */
export interface ObserveRequest {
  readonly namespace: string;
  readonly service: string | undefined;
  readonly agentId: string;
  readonly softwareVersion: string;
}

/** Called synchronously, in the order of the stream. `ended` comes once, and last. */
export interface Observer {
  opened(replicaId: string): void;
  updated(update: Update): void;
  ended(error: Error | undefined): void;
}

export interface Observation {
  /** Says goodbye; `ended` is called without an error. */
  stop(): void;
}
