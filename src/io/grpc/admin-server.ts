import { splitServiceKey } from "../../core/model/names.ts";
import { type AdminServiceServer, type Agent, AgentState } from "../../gen/weir/v1/admin.ts";
import { WatcherRole } from "../../gen/weir/v1/discovery.ts";
import type { Authorizer } from "../../ports/authorizer.ts";
import type {
  AdminService,
  AgentView,
  AgentState as CoreAgentState,
  RegistryService,
} from "../../ports/registry-service.ts";
import { msToDuration } from "../wire/duration.ts";
import { localityToWire } from "../wire/parts.ts";
import { authorize } from "./authorize.ts";
import { unary } from "./handler.ts";
import { leaseKeyFromWire, pageFromWire } from "./lease-keys.ts";

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
      return { agents: page.items.map(agentToWire), nextPageToken: page.nextPageToken };
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
      };
    }),
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
  };
}
