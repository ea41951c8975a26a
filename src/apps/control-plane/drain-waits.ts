import { pendingAgents } from "../../core/discovery/drain-barrier.ts";
import type { ServiceKey } from "../../core/model/names.ts";
import type { InstanceRecord } from "../../core/registry/record.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DrainResult } from "../../ports/registry-service.ts";
import type { DiscoveryHub } from "./discovery-hub.ts";
import type { WatchSessions } from "./watch-sessions.ts";

/** Between events, so that "lost for 30 s" and "settled" are noticed too. */
const RECHECK_MS = 250;

interface Wait {
  readonly check: () => void;
}

/** Drain calls that wait for agents. */
export class DrainWaits {
  readonly #clock: Clock;
  readonly #hub: DiscoveryHub;
  readonly #watches: WatchSessions;
  readonly #replicaId: string;
  readonly #settlesAtMs: number;
  readonly #waits = new Map<ServiceKey, Set<Wait>>();

  constructor(options: {
    readonly clock: Clock;
    readonly hub: DiscoveryHub;
    readonly watches: WatchSessions;
    readonly replicaId: string;
    readonly settlesAtMs: number;
  }) {
    this.#clock = options.clock;
    this.#hub = options.hub;
    this.#watches = options.watches;
    this.#replicaId = options.replicaId;
    this.#settlesAtMs = options.settlesAtMs;
  }

  /** Something that drains of this service may wait for has happened. */
  progressed(key: ServiceKey): void {
    for (const wait of this.#waits.get(key) ?? []) wait.check();
  }

  until(record: InstanceRecord, deadlineMs: number, signal: AbortSignal): Promise<DrainResult> {
    const startedMs = this.#clock.nowMs();
    const { view } = this.#hub.viewOf(record.service.key);
    const drainVersion = view.version;
    return new Promise((resolve) => {
      let cancelTimer: (() => void) | undefined;
      const finish = (result: DrainResult): void => {
        cancelTimer?.();
        signal.removeEventListener("abort", wait.check);
        this.#remove(view.key, wait);
        resolve(result);
      };
      const wait: Wait = {
        check: () => {
          const result = this.#evaluate(record, drainVersion, startedMs);
          const isOver = this.#clock.nowMs() - startedMs >= deadlineMs || signal.aborted;
          if (result.outcome === "safe" || isOver) finish(result);
        },
      };
      const recheck = (): void => {
        cancelTimer = this.#clock.after(
          Math.max(1, Math.min(RECHECK_MS, deadlineMs - (this.#clock.nowMs() - startedMs))),
          () => {
            recheck();
            wait.check();
          },
        );
      };
      this.#add(view.key, wait);
      signal.addEventListener("abort", wait.check);
      recheck();
      wait.check();
    });
  }

  #evaluate(record: InstanceRecord, drainVersion: number, startedMs: number): DrainResult {
    const nowMs = this.#clock.nowMs();
    const shared = this.#hub.viewOf(record.service.key);
    const lost = this.#watches.lostFrom(record.service.key, nowMs);
    const pending = pendingAgents({
      otherSince: shared.view.otherSince(record.instance.id),
      registrationId: record.instance.registrationId,
      drainVersion,
      subscriptions: shared.subscribers,
      lost,
      replicaId: this.#replicaId,
      settlesInMs: this.#hub.isSettled ? 0 : Math.max(1, this.#settlesAtMs - nowMs),
    });
    let agentCount = lost.length;
    for (const { watcher } of shared.subscribers) agentCount += watcher.isDataPlane ? 1 : 0;
    return {
      outcome: pending.length === 0 ? "safe" : "deadline",
      pending,
      waitedMs: nowMs - startedMs,
      agentCount,
    };
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
