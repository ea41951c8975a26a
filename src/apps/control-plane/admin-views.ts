import { DEFAULT_REGISTRY_LIMITS } from "../../core/registry/admission.ts";
import { MAX_FENCES } from "../../core/registry/fences.ts";
import type { SelfPreservation } from "../../core/registry/self-preservation.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ClusterView } from "../../ports/cluster-view.ts";
import type { PolicyStoreState } from "../../ports/policy-store.ts";
import type {
  AdminService,
  AgentState,
  AgentView,
  ClusterStatus,
  Page,
  PageRequest,
  ServerResources,
  ServerStatus,
  Usage,
} from "../../ports/registry-service.ts";
import type { FinishedCallCount, ServerHost } from "../../ports/server-host.ts";
import { MAX_SESSIONS } from "./attach-sessions.ts";
import type { DiscoveryHub } from "./discovery-hub.ts";
import type { LeaseReaper } from "./lease-reaper.ts";
import { pageOf } from "./page.ts";
import type { RegistryReplica } from "./registry-replica.ts";
import { MAX_WATCHERS, type WatchSessions } from "./watch-sessions.ts";
import type { StreamSubscription, Watcher } from "./watcher.ts";

interface AdminParts {
  readonly clock: Clock;
  readonly softwareVersion: string;
  readonly replica: RegistryReplica;
  readonly hub: DiscoveryHub;
  readonly watches: WatchSessions;
  readonly guard: SelfPreservation;
  readonly reaper: Pick<LeaseReaper, "expired">;
  readonly startedAtMs: number;
  /** What does not work, in words. */
  readonly degraded: () => readonly string[];
  readonly host: ServerHost;
  readonly isDraining: () => boolean;
  readonly policies: { readonly store: PolicyStoreState };
  /** Alone when left out. */
  readonly cluster?: ClusterView | undefined;
}

/** What happened since this replica started, and until when its ports are good: for figures. */
export interface ServerCounts {
  readonly expired: ReadonlyMap<string, number>;
  /** Registrations that were not let in, by code. */
  readonly refused: ReadonlyMap<string, number>;
  readonly slowWatchers: number;
  readonly finishedCalls: readonly FinishedCallCount[];
  /** In milliseconds since 1970; `undefined` without TLS. */
  readonly certificateExpiresAtMs: number | undefined;
}

/** What operators see of the running server. */
export class AdminViews implements AdminService {
  readonly #parts: AdminParts;

  constructor(parts: AdminParts) {
    this.#parts = parts;
  }

  get replicaId(): string {
    return this.#parts.replica.replicaId;
  }

  get isDraining(): boolean {
    return this.#parts.isDraining();
  }

  agents(page: PageRequest): Page<AgentView> {
    const { clock, hub } = this.#parts;
    const nowMs = clock.nowMs();
    const live = [...hub.watchers].map((watcher) => viewOf(watcher, nowMs));
    const lost = this.#lost(nowMs).map(
      ({ hello, lostAtMs, services }): AgentView => ({
        id: hello.agentId,
        peer: hello.peer,
        isDataPlane: true,
        state: "disconnected",
        subscriptionCount: services.size,
        version: 0,
        lagMs: nowMs - lostAtMs,
        softwareVersion: hello.softwareVersion,
        locality: hello.locality,
        lastRejection: "",
        connectedMs: 0,
        versionsBehind: 0,
      }),
    );
    return pageOf([...live, ...lost], ({ id, peer }) => `${id} ${peer}`, page);
  }

  /** How many agents are how far; people who look on are none. */
  agentStates(): ReadonlyMap<AgentState, number> {
    const { clock, hub } = this.#parts;
    const counts = new Map<AgentState, number>(SEVERITY.map((state) => [state, 0]));
    for (const watcher of hub.watchers) {
      if (!watcher.isDataPlane) continue;
      let state: AgentState = "synced";
      for (const one of watcher.subscriptions.values()) state = worse(state, stateOf(one));
      counts.set(state, (counts.get(state) ?? 0) + 1);
    }
    return counts.set("disconnected", this.#lost(clock.nowMs()).length);
  }

  status(): ServerStatus {
    const { clock, softwareVersion, replica, hub, guard, startedAtMs, degraded } = this.#parts;
    const nowMs = clock.nowMs();
    return {
      replicaId: replica.replicaId,
      softwareVersion,
      epoch: hub.epoch,
      version: hub.version,
      isSettled: hub.isSettled,
      uptimeMs: nowMs - startedAtMs,
      nowMs,
      frozen: guard.frozenScopes(),
      freezeCount: guard.freezeCount,
      serviceCount: replica.registry.services.size,
      instanceCount: replica.registry.instanceCount,
      watchCount: hub.watchers.size,
      sessionCount: replica.sessions.size,
      degraded: degraded(),
    };
  }

  resources(): ServerResources {
    const { clock, host, isDraining, policies } = this.#parts;
    return {
      wallMs: clock.wallMs(),
      isDraining: isDraining(),
      usage: this.#usage(),
      listeners: host.listeners(),
      stateDirectory: host.stateDirectory(),
      process: host.process(),
      policyStore: policies.store,
    };
  }

  counts(): ServerCounts {
    const { reaper, replica, hub, host } = this.#parts;
    return {
      expired: reaper.expired.counts,
      refused: replica.refusals.counts,
      slowWatchers: hub.slowCount,
      finishedCalls: host.finishedCalls(),
      certificateExpiresAtMs: host.certificateExpiresAtMs(),
    };
  }

  cluster(): ClusterStatus | undefined {
    const { clock, cluster } = this.#parts;
    if (cluster === undefined) return undefined;
    const { name, bus, isSynced, garbageCount, identity, orphans, leader } = cluster;
    const busForMs = clock.nowMs() - bus.sinceMs;
    const members = cluster.members();
    const seen = { name, members, bus, isSynced, garbageCount, identity, orphans, leader };
    return { ...seen, busForMs };
  }

  /** Agents whose stream broke a moment ago, and who are not back. */
  #lost(nowMs: number) {
    const { hub, watches } = this.#parts;
    const liveIds = new Set([...hub.watchers].map(({ hello }) => hello.agentId));
    return watches.lostAgents(nowMs).filter(({ hello }) => !liveIds.has(hello.agentId));
  }

  #usage(): Usage[] {
    const { replica, hub } = this.#parts;
    const { services, instanceCount, fences } = replica.registry;
    const { maxInstances, maxServices } = DEFAULT_REGISTRY_LIMITS;
    return [
      { name: "instances", used: instanceCount, limit: maxInstances },
      { name: "services", used: services.size, limit: maxServices },
      { name: "watches", used: hub.watchers.size, limit: MAX_WATCHERS },
      { name: "sessions", used: replica.sessions.size, limit: MAX_SESSIONS },
      { name: "fences", used: fences.size, limit: MAX_FENCES },
    ];
  }
}

function viewOf(watcher: Watcher, nowMs: number): AgentView {
  const { hello, subscriptions } = watcher;
  let version = 0;
  let state: AgentState = "synced";
  let lastRejection = "";
  let versionsBehind = 0;
  for (const subscription of subscriptions.values()) {
    version = Math.max(version, subscription.ackedVersion);
    lastRejection ||= subscription.trouble?.rejection ?? "";
    const present = stateOf(subscription);
    state = worse(state, present);
    const isBehind = hello.isDataPlane && present !== "synced";
    if (isBehind) versionsBehind = Math.max(versionsBehind, behind(subscription));
  }
  return {
    id: hello.agentId,
    peer: hello.peer,
    isDataPlane: hello.isDataPlane,
    state,
    subscriptionCount: subscriptions.size,
    version,
    lagMs: watcher.unackedCount === 0 ? 0 : nowMs - watcher.progressAtMs,
    softwareVersion: hello.softwareVersion,
    locality: hello.locality,
    lastRejection,
    connectedMs: nowMs - watcher.openedAtMs,
    versionsBehind,
  };
}

function behind({ view, ackedVersion }: StreamSubscription): number {
  return Math.max(0, view.version - Math.max(0, ackedVersion));
}

function stateOf(subscription: StreamSubscription): AgentState {
  const { trouble, watcher } = subscription;
  if (trouble !== undefined) return trouble.rejection === "" ? "held" : "nacked";
  return watcher.isDirty(subscription) || subscription.hasUnacked ? "stale" : "synced";
}

const SEVERITY: readonly AgentState[] = ["synced", "stale", "held", "nacked"];

function worse(a: AgentState, b: AgentState): AgentState {
  return SEVERITY.indexOf(a) >= SEVERITY.indexOf(b) ? a : b;
}
