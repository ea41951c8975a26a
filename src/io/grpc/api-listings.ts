import { NO_LOCALITY } from "../../core/model/instance.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import {
  type Agent,
  AgentState,
  type GetStatusResponse,
  type ProcessState as ProcessMessage,
  type StateDirectory,
} from "../../gen/weir/v1/admin.ts";
import { WatcherRole } from "../../gen/weir/v1/discovery.ts";
import {
  DrainOutcome,
  type DrainResponse,
  type InstanceView,
  type RegisterResponse,
} from "../../gen/weir/v1/registry.ts";
import type { Service } from "../../gen/weir/v1/types.ts";
import type {
  AgentSummary,
  DrainReport,
  InstanceListing,
  LeaseGrant,
  ServerState,
  ServiceSummary,
} from "../../ports/control-plane-api.ts";
import type { ProcessState, StateDirectoryState } from "../../ports/server-host.ts";
import { durationToMs } from "../wire/duration.ts";
import { endpointStateFromWire } from "../wire/endpoint.ts";
import { defaultsUnchecked, instanceUnchecked } from "../wire/instance.ts";
import { localityFromWire, protocolFromWire } from "../wire/parts.ts";
import { pendingReasonFromWire } from "../wire/pending-reason.ts";
import { policyStoreFromWire } from "./policy-store-state.ts";

/** Answers of the API in the port's words. What a newer server says is shown as `unknown`. */

export function serviceSummary(service: Service): ServiceSummary {
  return {
    namespace: service.namespace,
    name: service.name,
    protocol: protocolFromWire(service.defaults?.protocol ?? 0),
    policy: service.defaults?.policy ?? "",
    instanceCount: service.instanceCount,
    healthyCount: service.healthyCount,
    hasConflictingDefaults: service.hasConflictingDefaults,
  };
}

/** @throws MeshError PROTOCOL_VIOLATION for a view without an instance. */
export function instanceListing(view: InstanceView): InstanceListing {
  if (view.instance === undefined) {
    throw new MeshError("PROTOCOL_VIOLATION", "the control plane listed an empty instance");
  }
  return {
    instance: instanceUnchecked(view.instance),
    state: endpointStateFromWire(view.state),
    effectiveWeight: view.effectiveWeight,
    isDraining: view.draining,
    leaseRemainingMs: durationToMs(view.leaseRemaining) ?? 0,
    sessionId: view.sessionId,
    registeredAtMs: view.registeredAt?.getTime() ?? 0,
    defaults: view.serviceDefaults && defaultsUnchecked(view.serviceDefaults),
  };
}

export function leaseGrant(response: RegisterResponse): LeaseGrant {
  const leaseMs = durationToMs(response.lease) ?? 0;
  return {
    registrationId: response.registrationId,
    generation: Number(response.generation),
    leaseToken: response.leaseToken,
    leaseMs,
    renewIntervalMs: durationToMs(response.renewInterval) ?? leaseMs / 3,
  };
}

/** @throws MeshError PROTOCOL_VIOLATION for an outcome that is not known: it must not be taken for SAFE. */
export function drainReport(response: DrainResponse): DrainReport {
  return {
    outcome: drainOutcome(response.outcome),
    pending: response.pending.map(({ agentId, reason, detail }) => ({
      agentId,
      reason: pendingReasonFromWire(reason) ?? "unknown",
      detail,
    })),
    waitedMs: durationToMs(response.waited) ?? 0,
    agentCount: response.agentCount,
  };
}

function drainOutcome(outcome: DrainOutcome): DrainReport["outcome"] {
  if (outcome === DrainOutcome.DRAIN_OUTCOME_SAFE) return "safe";
  if (outcome === DrainOutcome.DRAIN_OUTCOME_DEADLINE) return "deadline";
  throw new MeshError("PROTOCOL_VIOLATION", `drain outcome ${outcome} is not known here`);
}

const AGENT_STATES: Readonly<Partial<Record<AgentState, AgentSummary["state"]>>> = {
  [AgentState.AGENT_STATE_SYNCED]: "synced",
  [AgentState.AGENT_STATE_STALE]: "stale",
  [AgentState.AGENT_STATE_HELD]: "held",
  [AgentState.AGENT_STATE_NACKED]: "nacked",
  [AgentState.AGENT_STATE_DISCONNECTED]: "disconnected",
};

export function agentSummary(agent: Agent, replicaId: string): AgentSummary {
  return {
    replicaId,
    id: agent.id,
    peer: agent.peer,
    role: agent.role === WatcherRole.WATCHER_ROLE_DATA_PLANE ? "data-plane" : "observer",
    state: AGENT_STATES[agent.state] ?? "unknown",
    subscriptionCount: agent.subscriptionCount,
    version: Number(agent.version),
    lagMs: durationToMs(agent.lag) ?? 0,
    softwareVersion: agent.softwareVersion,
    locality: agent.locality === undefined ? NO_LOCALITY : localityFromWire(agent.locality),
    lastRejection: agent.lastRejection,
    connectedMs: durationToMs(agent.connected) ?? 0,
    versionsBehind: Number(agent.versionsBehind),
  };
}

export function serverState(response: GetStatusResponse): ServerState {
  return {
    replicaId: response.replicaId,
    softwareVersion: response.softwareVersion,
    epoch: Number(response.epoch),
    version: Number(response.version),
    isSettled: response.settled,
    uptimeMs: durationToMs(response.uptime) ?? 0,
    frozen: response.frozen.map(({ scope, reason, frozenFor }) => ({
      scope,
      reason,
      frozenForMs: durationToMs(frozenFor) ?? 0,
    })),
    serviceCount: response.serviceCount,
    instanceCount: response.instanceCount,
    watchCount: response.watchCount,
    sessionCount: response.sessionCount,
    degraded: response.degraded,
    isDraining: response.draining,
    wallMs: response.now?.getTime() ?? 0,
    usage: response.usage,
    listeners: response.listeners.map(({ name, address, tls }) => ({ name, address, isTls: tls })),
    stateDirectory: response.stateDirectory && stateDirectoryState(response.stateDirectory),
    process: response.process && processState(response.process),
    policyStore: response.policyStore && policyStoreFromWire(response.policyStore),
  };
}

function stateDirectoryState(state: StateDirectory): StateDirectoryState {
  const { path, freeBytes, totalBytes, problem } = state;
  return { path, freeBytes: Number(freeBytes), totalBytes: Number(totalBytes), problem };
}

function processState(process: ProcessMessage): ProcessState {
  return {
    eventLoopLagMs: durationToMs(process.eventLoopLag) ?? 0,
    heapUsedBytes: Number(process.heapUsedBytes),
    heapLimitBytes: Number(process.heapLimitBytes),
    openFiles: process.openFiles,
    openFilesLimit: process.openFilesLimit,
  };
}
