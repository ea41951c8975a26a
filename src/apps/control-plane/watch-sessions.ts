import { LOST_AGENT_MS } from "../../core/discovery/drain-barrier.ts";
import type { OriginPosition } from "../../core/discovery/seen-positions.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { ServiceKey } from "../../core/model/names.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ReplicaAddress } from "../../ports/destination.ts";
import type {
  WatchHello,
  WatchService,
  WatchSession,
  WatchSink,
} from "../../ports/watch-service.ts";
import { AckTimes } from "./ack-times.ts";
import type { DiscoveryHub } from "./discovery-hub.ts";
import { OpenWatch, type Surroundings } from "./open-watch.ts";
import { CATCH_UP_MS, GIVE_UP_MS, HeldRequests, type WhenCaughtUp } from "./read-after.ts";
import type { StreamTurnover } from "./stream-turnover.ts";
import { Watcher } from "./watcher.ts";

/** Some 12 KB each: 20,000 are 240 MB, and their fan-out takes a tenth of a second. */
export const MAX_WATCHERS = 20_000;

/** Agents take a server for dead after two and a half of these. */
export const HEARTBEAT_INTERVAL_MS = 10_000;

/** Heartbeats are spread over the interval: 10,000 at once would block the loop. */
const HEARTBEAT_SLOTS = 20;

/** An agent whose stream broke; it may still be sending by what it last knew. */
interface LostAgent {
  readonly hello: WatchHello;
  readonly lostAtMs: number;
  readonly services: ReadonlySet<ServiceKey>;
}

/** The open Watch streams, and those that ended a moment ago. */
export class WatchSessions implements WatchService {
  readonly replicaId: string;
  readonly epoch: number;
  readonly heartbeatIntervalMs = HEARTBEAT_INTERVAL_MS;
  readonly ackTimes = new AckTimes();
  readonly peers: () => readonly ReplicaAddress[];
  readonly #clock: Clock;
  readonly #hub: DiscoveryHub;
  readonly #turnover: StreamTurnover;
  readonly #whenCaughtUp: WhenCaughtUp | undefined;
  readonly #hearsAll: () => boolean;
  readonly #progressed: (key: ServiceKey) => void;
  readonly #slots: Set<Watcher>[] = Array.from({ length: HEARTBEAT_SLOTS }, () => new Set());
  readonly #lost = new Map<string, LostAgent>();
  /** Streams whose requests wait: their agents use services that they are not subscribed to yet. */
  readonly #waiting = new Map<Watcher, HeldRequests>();
  readonly #surroundings: Surroundings;
  #cancelBeat: () => void;
  #slot = 0;
  #opened = 0;
  #isDraining = false;

  constructor(options: {
    readonly replicaId: string;
    readonly clock: Clock;
    readonly hub: DiscoveryHub;
    readonly progressed: (key: ServiceKey) => void;
    readonly peers: () => readonly ReplicaAddress[];
    readonly turnover: StreamTurnover;
    /** Without it, nobody waits. */
    readonly whenCaughtUp?: WhenCaughtUp | undefined;
    /** Whether all other replicas are heard: what has not arrived may still come, otherwise. */
    readonly hearsAll: () => boolean;
  }) {
    this.replicaId = options.replicaId;
    this.epoch = options.hub.epoch;
    this.peers = options.peers;
    this.#turnover = options.turnover;
    this.#whenCaughtUp = options.whenCaughtUp;
    this.#hearsAll = options.hearsAll;
    this.#clock = options.clock;
    this.#hub = options.hub;
    this.#progressed = options.progressed;
    this.#surroundings = {
      ...{ hub: options.hub, clock: options.clock, progressed: options.progressed },
      ackTimes: this.ackTimes,
      closed: (watcher, isGoodbye) => this.#closed(watcher, isGoodbye),
    };
    this.#cancelBeat = this.#scheduleBeat();
  }

  open(hello: WatchHello, sink: WatchSink): WatchSession {
    if (this.#isDraining) {
      throw new MeshError("DRAINING", "this replica is shutting down; watch another one", {
        retryAfterMs: 1_000,
      });
    }
    if (this.#hub.watchers.size >= MAX_WATCHERS) {
      throw new MeshError(
        "LIMIT_REACHED",
        `this replica serves ${MAX_WATCHERS} Watch streams already; watch another one`,
        {
          quota: { subject: "watch-streams", description: `${MAX_WATCHERS} streams a replica` },
          retryAfterMs: 2_000,
        },
      );
    }
    const watcher = new Watcher(hello, sink, this.#clock.nowMs());
    this.#slots[this.#opened++ % HEARTBEAT_SLOTS]?.add(watcher);
    this.#hub.watchers.add(watcher);
    this.#turnover.opened(sink);
    const held = new HeldRequests();
    if (this.#whenCaughtUp !== undefined && hello.seen?.length) {
      held.hold();
      this.#waiting.set(watcher, held);
      void this.#catchUp(watcher, held, hello.seen, this.#whenCaughtUp);
    }
    return new OpenWatch(watcher, held, this.#surroundings);
  }

  /** Data-plane agents that watched the service, left without a goodbye, and are not back. */
  lostFrom(key: ServiceKey, nowMs: number): { agentId: string; lostForMs: number }[] {
    const lost: { agentId: string; lostForMs: number }[] = [];
    for (const [agentId, agent] of this.#lost) {
      const lostForMs = nowMs - agent.lostAtMs;
      if (lostForMs >= LOST_AGENT_MS) this.#lost.delete(agentId);
      else if (agent.services.has(key) && !this.#isBack(agentId, key))
        lost.push({ agentId, lostForMs });
    }
    return lost;
  }

  /** Data-plane agents that asked for the service, and wait until this replica has heard what they have seen. */
  waitingFor(key: ServiceKey): string[] {
    const waiting: string[] = [];
    for (const [{ agentId, isDataPlane }, held] of this.#waiting) {
      if (isDataPlane && held.wants(key)) waiting.push(agentId);
    }
    return waiting;
  }

  lostAgents(nowMs: number): LostAgent[] {
    for (const [agentId, { lostAtMs }] of this.#lost) {
      if (nowMs - lostAtMs >= LOST_AGENT_MS) this.#lost.delete(agentId);
    }
    return [...this.#lost.values()];
  }

  /** Asks every agent to go elsewhere. */
  drain(retryAfterMs: number): void {
    this.#isDraining = true;
    this.#turnover.stop();
    for (const { sink } of this.#hub.watchers)
      sink.drain(retryAfterMs, "the server is shutting down");
  }

  end(): void {
    this.#cancelBeat();
    for (const { sink } of [...this.#hub.watchers]) sink.end();
  }

  /** An answer that leads back in time would be worse than one that comes a moment later. */
  async #catchUp(
    watcher: Watcher,
    held: HeldRequests,
    seen: readonly OriginPosition[],
    whenCaughtUp: WhenCaughtUp,
  ): Promise<void> {
    watcher.isBehind = !(await whenCaughtUp(seen, CATCH_UP_MS));
    this.#waiting.delete(watcher);
    this.#hub.commit();
    held.release();
    if (!watcher.isBehind) return;
    while (!(await whenCaughtUp(seen, GIVE_UP_MS))) {
      if (this.#hearsAll() || !this.#hub.watchers.has(watcher)) break;
    }
    this.#hub.caughtUp(watcher);
  }

  #isBack(agentId: string, key: ServiceKey): boolean {
    for (const { watcher } of this.#hub.viewOf(key).subscribers) {
      if (watcher.agentId === agentId) return true;
    }
    return false;
  }

  #closed(watcher: Watcher, isGoodbye: boolean): void {
    for (const slot of this.#slots) slot.delete(watcher);
    this.#turnover.closed(watcher.sink);
    const services = new Set(watcher.subscriptions.keys());
    for (const key of this.#waiting.get(watcher)?.wanted(this.#hub.views.keys()) ?? []) {
      services.add(key);
    }
    this.#waiting.delete(watcher);
    this.#hub.leave(watcher);
    if (watcher.isDataPlane && !isGoodbye && services.size > 0) {
      this.#lost.delete(watcher.agentId);
      this.#lost.set(watcher.agentId, {
        hello: watcher.hello,
        lostAtMs: this.#clock.nowMs(),
        services,
      });
      if (this.#lost.size > MAX_WATCHERS) this.#forgetOldest();
    }
    for (const key of services) this.#progressed(key);
  }

  #forgetOldest(): void {
    for (const agentId of this.#lost.keys()) {
      this.#lost.delete(agentId);
      return;
    }
  }

  #scheduleBeat(): () => void {
    return this.#clock.after(HEARTBEAT_INTERVAL_MS / HEARTBEAT_SLOTS, () => {
      const slot = this.#slots[this.#slot++ % HEARTBEAT_SLOTS];
      for (const watcher of slot ?? []) if (watcher.isWritable) watcher.sink.heartbeat();
      this.#hub.cutSilent(this.#clock.nowMs());
      this.#cancelBeat = this.#scheduleBeat();
    });
  }
}
