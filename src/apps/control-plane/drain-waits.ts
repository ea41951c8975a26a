import { type PendingAgent, pendingAgents } from "../../core/discovery/drain-barrier.ts";
import { drainVerdict } from "../../core/discovery/drain-verdict.ts";
import type { ServiceKey } from "../../core/model/names.ts";
import type { Registry } from "../../core/registry/registry.ts";
import type { PendingAnswer, PendingQuestion } from "../../core/replication/calls.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DrainResult } from "../../ports/registry-service.ts";
import type { DiscoveryHub } from "./discovery-hub.ts";
import { type DrainPeers, DrainPolls, NO_PEERS } from "./drain-polls.ts";
import type { WatchSessions } from "./watch-sessions.ts";

/** Between events, so that "lost for 30 s" and "settled" are noticed too, and other replicas are asked. */
const RECHECK_MS = 250;

/** Agents mostly let go within a few milliseconds: the first looks come sooner, each after twice the time. */
const FIRST_RECHECK_MS = 10;

/** Which drain; who was lost is found out on the way. */
export type DrainQuestion = Omit<PendingQuestion, "lostAgentIds">;

interface Wait {
  readonly check: () => void;
}

export interface DrainWaitsOptions {
  readonly clock: Clock;
  readonly hub: DiscoveryHub;
  readonly watches: WatchSessions;
  readonly registry: Registry;
  readonly replicaId: string;
  readonly settlesAtMs: number;
}

/** Drain calls that wait for agents: for those of this replica, and through its peers for theirs. */
export class DrainWaits {
  readonly #options: DrainWaitsOptions;
  readonly #waits = new Map<ServiceKey, Set<Wait>>();
  #peers: DrainPeers = NO_PEERS;

  constructor(options: DrainWaitsOptions) {
    this.#options = options;
  }

  /** Whose agents count, too. */
  usePeers(peers: DrainPeers): void {
    this.#peers = peers;
  }

  /** Something that drains of this service may wait for has happened. */
  progressed(key: ServiceKey): void {
    for (const wait of this.#waits.get(key) ?? []) wait.check();
  }

  /** This replica's part of a drain, wherever it was asked for. */
  answer(question: PendingQuestion): PendingAnswer {
    const { clock, hub, watches, registry, replicaId, settlesAtMs } = this.#options;
    const nowMs = clock.nowMs();
    const settlesInMs = hub.isSettled ? 0 : Math.max(1, settlesAtMs - nowMs);
    const { registrationId } = question;
    const lost = watches.lostFrom(question.service, nowMs);
    const waiting = watches.waitingFor(question.service);
    // A peer may ask for a service that nobody registered here: asking makes no service of it.
    const shared = hub.views.get(question.service);
    const view = shared?.view;
    const subscribers = [...(shared?.subscribers ?? [])];
    const hasEnded = registry.find(question) === undefined;
    const endedSince = view && hasEnded ? this.#endedSince(question, view.version) : undefined;
    const pending = pendingAgents({
      ...{ registrationId, lost, waiting, replicaId, settlesInMs, hasEnded },
      otherSince: view?.otherSince(question.instanceId),
      outSince: view?.outSince(question) ?? endedSince,
      subscriptions: subscribers,
    });
    const agents = subscribers.filter(({ watcher }) => watcher.isDataPlane);
    const backAgentIds = question.lostAgentIds.filter(
      (lostId) =>
        waiting.includes(lostId) || agents.some(({ watcher }) => watcher.agentId === lostId),
    );
    const agentCount = agents.length + waiting.length + lost.length;
    return { pending, moreCount: 0, agentCount, backAgentIds };
  }

  until(question: DrainQuestion, deadlineMs: number, signal: AbortSignal): Promise<DrainResult> {
    const { clock } = this.#options;
    const startedMs = clock.nowMs();
    const polls = new DrainPolls(this.#peers, this.#options.replicaId, clock);
    let lostAgentIds: readonly string[] = [];
    let waitMs = FIRST_RECHECK_MS;
    return new Promise((resolve) => {
      let cancelTimer: (() => void) | undefined;
      let isFinished = false;
      const finish = (result: DrainResult): void => {
        isFinished = true;
        cancelTimer?.();
        signal.removeEventListener("abort", wait.check);
        this.#remove(question.service, wait);
        resolve(result);
      };
      const wait: Wait = {
        check: () => {
          if (isFinished) return;
          const verdict = this.#verdict({ ...question, lostAgentIds }, polls);
          ({ lostAgentIds } = verdict);
          const { pending, agentCount } = verdict;
          const waitedMs = clock.nowMs() - startedMs;
          // A call that does not wait is told what the others say, all the same.
          const isOver = (waitedMs >= deadlineMs && polls.hasAsked) || signal.aborted;
          const outcome = pending.length === 0 ? "safe" : "deadline";
          if (outcome === "safe" || isOver) finish({ outcome, pending, waitedMs, agentCount });
        },
      };
      const recheck = (): void => {
        polls.ask({ ...question, lostAgentIds }, wait.check);
        const leftMs = deadlineMs - (clock.nowMs() - startedMs);
        const nextMs = leftMs > 0 ? Math.max(1, Math.min(waitMs, leftMs)) : RECHECK_MS;
        cancelTimer = clock.after(nextMs, () => {
          waitMs = Math.min(2 * waitMs, RECHECK_MS);
          recheck();
          wait.check();
        });
      };
      this.#add(question.service, wait);
      signal.addEventListener("abort", wait.check);
      recheck();
      wait.check();
    });
  }

  #verdict(question: PendingQuestion, polls: DrainPolls): ReturnType<typeof drainVerdict> {
    const own = this.answer(question);
    const isolated: PendingAgent = {
      agentId: this.#options.replicaId,
      kind: "replica-unreachable",
      detail:
        "this replica hears too few others to know their agents; ask again when the network between them works",
    };
    const pending = this.#peers.isIsolated ? [...own.pending, isolated] : own.pending;
    return drainVerdict({ ...own, pending }, polls.reports());
  }

  /** Of a process that ended, and which the view has forgotten: whoever knows the newest version knows that. */
  #endedSince(question: DrainQuestion, newestVersion: number): number | undefined {
    const { fences } = this.#options.registry;
    const { service, instanceId, registrationId } = question;
    return fences.find(service, instanceId, registrationId) && newestVersion;
  }

  #add(key: ServiceKey, wait: Wait): void {
    const waits = this.#waits.get(key);
    if (waits === undefined) this.#waits.set(key, new Set([wait]));
    else waits.add(wait);
  }

  #remove(key: ServiceKey, wait: Wait): void {
    const waits = this.#waits.get(key);
    waits?.delete(wait);
    if (waits?.size === 0) this.#waits.delete(key);
  }
}
