import { splitServiceKey } from "../../core/model/names.ts";
import {
  type AdminServiceServer,
  type Agent,
  AgentState,
  type ProcessState as ProcessMessage,
  type StateDirectory,
} from "../../gen/weir/v1/admin.ts";
import { WatcherRole } from "../../gen/weir/v1/discovery.ts";
import type { Authorizer } from "../../ports/authorizer.ts";
import type {
  AdminService,
  AgentView,
  AgentState as CoreAgentState,
  RegistryService,
} from "../../ports/registry-service.ts";
import type { ProcessState, StateDirectoryState } from "../../ports/server-host.ts";
import { msToDuration } from "../wire/duration.ts";
import { localityToWire } from "../wire/parts.ts";
import { authorize } from "./authorize.ts";
import { clusterToWire } from "./cluster-answer.ts";
import { unary } from "./handler.ts";
import { leaseKeyFromWire, pageFromWire } from "./lease-keys.ts";
import { policyStoreToWire } from "./policy-store-state.ts";

/** `weir.v1.AdminService` over the program's views. */
export function adminHandlers(
  admin: AdminService,
  registry: RegistryService,
  authorizer: Authorizer,
): AdminServiceServer {
  return {
    listAgents: unary((request, { principal }) => {
      authorize(authorizer, principal, "admin", "*", "*");
      const page = admin.agents(pageFromWire(request));
      const { nextPageToken } = page;
      return { agents: page.items.map(agentToWire), nextPageToken, replicaId: admin.replicaId };
    }),
    evict: unary(async ({ lease }, { principal }) => {
      const key = leaseKeyFromWire(lease, "lease");
      const { namespace, service } = splitServiceKey(key.service);
      authorize(authorizer, principal, "admin", namespace, service);
      return { registrationId: await registry.evict(key) };
    }),
    getStatus: unary((_request, { principal }) => {
      authorize(authorizer, principal, "admin", "*", "*");
      const status = admin.status();
      const { usage, listeners, isDraining, wallMs, ...resources } = admin.resources();
      return {
        replicaId: status.replicaId,
        softwareVersion: status.softwareVersion,
        epoch: BigInt(status.epoch),
        version: BigInt(status.version),
        settled: status.isSettled,
        uptime: msToDuration(status.uptimeMs),
        frozen: status.frozen.map(({ scope, reason, sinceMs }) => ({
          scope,
          reason,
          frozenFor: msToDuration(status.nowMs - sinceMs),
        })),
        serviceCount: status.serviceCount,
        instanceCount: status.instanceCount,
        watchCount: status.watchCount,
        sessionCount: status.sessionCount,
        degraded: [...status.degraded],
        freezeCount: status.freezeCount,
        now: new Date(wallMs),
        draining: isDraining,
        usage: [...usage],
        listeners: listeners.map(({ name, address, isTls }) => ({ name, address, tls: isTls })),
        stateDirectory: stateDirectoryToWire(resources.stateDirectory),
        process: processToWire(resources.process),
        policyStore: policyStoreToWire(resources.policyStore),
      };
    }),
    listMembers: unary((_request, { principal }) => {
      authorize(authorizer, principal, "admin", "*", "*");
      return clusterToWire(admin.cluster());
    }),
  };
}

function stateDirectoryToWire(state: StateDirectoryState): StateDirectory {
  const { path, freeBytes, totalBytes, problem } = state;
  return { path, freeBytes: BigInt(freeBytes), totalBytes: BigInt(totalBytes), problem };
}

function processToWire(process: ProcessState): ProcessMessage {
  return {
    eventLoopLag: msToDuration(process.eventLoopLagMs),
    heapUsedBytes: BigInt(process.heapUsedBytes),
    heapLimitBytes: BigInt(process.heapLimitBytes),
    openFiles: process.openFiles,
    openFilesLimit: process.openFilesLimit,
  };
}

const STATE: Readonly<Record<CoreAgentState, AgentState>> = {
  synced: AgentState.AGENT_STATE_SYNCED,
  stale: AgentState.AGENT_STATE_STALE,
  held: AgentState.AGENT_STATE_HELD,
  nacked: AgentState.AGENT_STATE_NACKED,
  disconnected: AgentState.AGENT_STATE_DISCONNECTED,
};

function agentToWire(agent: AgentView): Agent {
  return {
    id: agent.id,
    peer: agent.peer,
    role: agent.isDataPlane
      ? WatcherRole.WATCHER_ROLE_DATA_PLANE
      : WatcherRole.WATCHER_ROLE_OBSERVER,
    state: STATE[agent.state],
    subscriptionCount: agent.subscriptionCount,
    version: BigInt(Math.max(0, agent.version)),
    lag: msToDuration(agent.lagMs),
    softwareVersion: agent.softwareVersion,
    locality: localityToWire(agent.locality),
    lastRejection: agent.lastRejection,
    connected: msToDuration(agent.connectedMs),
    versionsBehind: BigInt(agent.versionsBehind),
  };
}
