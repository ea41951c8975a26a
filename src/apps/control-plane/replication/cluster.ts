import { type OriginPosition, SeenPositions } from "../../../core/discovery/seen-positions.ts";
import { isLoopback } from "../../../core/model/loopback.ts";
import type { Random } from "../../../core/model/random.ts";
import { rearmAll } from "../../../core/registry/expiry.ts";
import type { Origin } from "../../../core/replication/entry.ts";
import type { MemberView } from "../../../core/replication/member.ts";
import { MEMBERSHIP_TICK_MS } from "../../../core/replication/membership.ts";
import type { Heartbeat } from "../../../core/replication/messages.ts";
import type { ClusterSubjects } from "../../../core/replication/subjects.ts";
import type { Bus } from "../../../ports/bus.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { ReplicaAddress } from "../../../ports/destination.ts";
import type { Leadership } from "../../../ports/leadership.ts";
import type { Log } from "../../../ports/log.ts";
import type { Prober, TcpProbeTarget } from "../../../ports/prober.ts";
import type { ReplicationCodec } from "../../../ports/replication-codec.ts";
import type { DiscoveryHub } from "../discovery-hub.ts";
import type { DrainWaits } from "../drain-waits.ts";
import type { RegistryReplica } from "../registry-replica.ts";
import { repeat } from "../repeat.ts";
import type { StreamTurnover } from "../stream-turnover.ts";
import { AbsentOwners, type OrphanCare } from "./absent-owners.ts";
import { CaughtUp } from "./caught-up.ts";
import { ClusterMembers } from "./cluster-members.ts";
import { ClusterViews } from "./cluster-views.ts";
import { joinCalls } from "./join-calls.ts";
import { LaterLife } from "./later-life.ts";
import { OrphanKeeper } from "./orphan-keeper.ts";
import { HEARTBEAT_MS, Replicator } from "./replicator.ts";

/** Whoever is there has been heard by then. */
const HEARD_WITHIN_MS = 2 * HEARTBEAT_MS;

/** So long a start waits for a bus that does not answer: then this replica is alone, and serves what it has. */
const WAIT_FOR_BUS_MS = 10_000;

/** So long a start waits for records whose time lies ahead: clocks differ by less, or are wrong for hours. */
const WAIT_FOR_CLOCKS_MS = 60_000;

/** Three heartbeats of another process with our id. */
const TWIN_HEARD_WITHIN_MS = 3 * HEARTBEAT_MS;

/** What a replica needs to speak to its peers. */
export interface ClusterOptions {
  readonly bus: Bus;
  readonly codec: ReplicationCodec;
  readonly subjects: ClusterSubjects;
  /** Where agents and clients reach this replica, `host:port`; `""` when nobody said. */
  readonly address: string;
  readonly random: Random;
  /** Looks whether somebody answers for a dead replica's instances; without it they stay until their clients come. */
  readonly prober?: Prober<TcpProbeTarget>;
  /** Of what only one replica may do, which nobody does when it is left out. */
  readonly leadership?: Leadership;
}

/** What the cluster is told of the program that is one of it. */
export interface ClusterSurroundings {
  readonly replica: RegistryReplica;
  /** They wait for agents of all replicas. */
  readonly drains: DrainWaits;
  readonly turnover: StreamTurnover;
  readonly softwareVersion: string;
  readonly clock: Clock;
  /** What foreign times are judged by. */
  readonly clusterClock: Clock;
  readonly log: Log;
  readonly epoch: number;
  /** Told while this replica is cut off, and when it has heard everything again. */
  readonly hub: DiscoveryHub;
  readonly isDraining: () => boolean;
  /** Another process has this replica's id and is newer. */
  readonly fenced: (reason: string) => void;
}

const NOBODY: OrphanCare = { orphaned: () => undefined, reclaimed: () => undefined };

/** The replicas that share their records, as one of them sees them. */
export class Cluster {
  readonly replicator: Replicator;
  readonly members: ClusterMembers;
  /** For operators. */
  readonly view: ClusterViews;
  readonly #options: ClusterOptions;
  readonly #around: ClusterSurroundings;
  readonly #caughtUp: CaughtUp;
  readonly #absent: AbsentOwners;
  readonly #orphans: OrphanKeeper | undefined;
  readonly #laterLife = new LaterLife(TWIN_HEARD_WITHIN_MS);
  readonly #ends: (() => void)[] = [];
  #startedAtMs = 0;

  /** Before anything is registered or restored: what was written earlier would never be told. */
  constructor(options: ClusterOptions, around: ClusterSurroundings) {
    this.#options = options;
    this.#around = around;
    const { replica, clock, clusterClock, log, epoch, turnover } = around;
    const self = { replicaId: replica.replicaId, epoch };
    this.members = new ClusterMembers(self, clock, log, {
      gone: (replicaId, reason) => this.#absent.gone(replicaId, reason),
      returned: (replicaId) => this.#absent.returned(replicaId),
      restarted: (replicaId) => this.#absent.restarted(replicaId),
      ready: (liveCount) => void turnover.rebalance(1 / liveCount),
      fenced: around.fenced,
      stale: () => {
        this.#absent.stale();
        this.replicator.reload();
      },
      renewed: () => rearmAll(replica.registry, clock.nowMs()),
      cutOff: () => void turnover.rebalance(1, CUT_OFF),
    });
    const { softwareVersion } = around;
    const flags = () => ({
      isLeaving: around.isDraining(),
      isIsolated: this.members.membership.isIsolated,
      isSettled: around.hub.isSettled,
    });
    const implied = new SeenPositions();
    this.replicator = new Replicator({
      ...options,
      ...{ softwareVersion, clock, clusterClock, log, flags },
      origin: self,
      registry: replica.registry,
      publish: () => replica.publish(),
      heard: (message) => {
        if (message.type === "heartbeat") this.#heard(message);
        else this.members.left(message);
      },
      isComplete: () => this.isComplete,
      succeeded: (replicaId, orphans) => this.#absent.succeeded(replicaId, orphans),
      implied,
    });
    this.#orphans = options.prober && this.#orphanKeeper(options.prober);
    this.#absent = new AbsentOwners({
      ...{ clock, peers: this.replicator.peers, care: this.#orphans ?? NOBODY },
      stateOf: (replicaId) => this.members.membership.stateOf(replicaId),
      forget: (replicaId) => this.replicator.forget(replicaId),
      isHeldElsewhere: (origin) => this.#isHeldElsewhere(origin),
    });
    this.view = new ClusterViews({
      ...options,
      ...{ softwareVersion, flags, replicator: this.replicator },
      name: options.subjects.cluster,
      members: () => this.list(),
      isSynced: () => this.isSynced,
      identity: () => this.members.membership.identity(clock.nowMs()),
      orphans: () => this.#orphans?.counts,
    });
    this.#caughtUp = new CaughtUp({
      ...{ clock, implied, selfId: self.replicaId, peers: this.replicator.peers },
      isOver: (position) => this.#absent.isOver(position),
      isToldOfAll: () => this.isSynced && this.members.hearsAny,
    });
    replica.useReplication(this.replicator);
    this.#ends.push(joinCalls(options, this, around));
  }

  start(): void {
    const { bus } = this.#options;
    this.#startedAtMs = this.#around.clock.nowMs();
    this.members.busChanged(bus.state.isConnected);
    this.#ends.push(
      bus.onState(({ kind }) => {
        if (kind === "problem") return;
        this.members.busChanged(kind === "connected");
        this.#tellCompleteness();
      }),
    );
    this.replicator.start();
    this.#orphans?.start();
    this.#ends.push(
      () => this.#orphans?.stop(),
      repeat(this.#around.clock, MEMBERSHIP_TICK_MS, () => {
        this.members.tick();
        this.#tellCompleteness();
        this.#absent.tick();
        this.#raiseEpoch();
      }),
    );
  }

  /** @param isGoodbye its clients were handed over: nobody need wait for it. */
  stop(isGoodbye: boolean): void {
    if (isGoodbye) this.replicator.leave();
    for (const end of this.#ends) end();
    this.replicator.stop();
  }

  /** True when nothing of a replica that is heard is missing, and everybody had time to be heard. */
  get isSynced(): boolean {
    const { isConnected, sinceMs } = this.#options.bus.state;
    const nowMs = this.#around.clock.nowMs();
    if (!isConnected) return nowMs - this.#startedAtMs >= WAIT_FOR_BUS_MS;
    if (nowMs - sinceMs < HEARD_WITHIN_MS || !this.replicator.pulls.isSynced) return false;
    return this.#isAllTaken || nowMs - this.#startedAtMs >= WAIT_FOR_CLOCKS_MS;
  }

  /** No record waits until its time is no longer ahead. */
  get #isAllTaken(): boolean {
    return [...this.replicator.peers.values()].every((peer) => peer.quarantinedCount === 0);
  }

  /** True when all others are heard, too: what has not come by then is not under way. */
  get isComplete(): boolean {
    return this.isSynced && this.members.hearsAll;
  }

  /** Cut off, nobody knows what is missing; afterwards it first has to arrive. */
  #tellCompleteness(): void {
    if (this.members.membership.isIsolated) this.#around.hub.setComplete(false);
    else if (this.isSynced) this.#around.hub.setComplete(true);
  }

  /** Whether somebody asks about instances that no client claims. */
  get asksUnowned(): boolean {
    return this.#orphans !== undefined;
  }

  /** Where clients reach the replicas, this one first; nothing of those that did not say. */
  addresses(): ReplicaAddress[] {
    const { address } = this.#options;
    const others = this.members.addresses();
    if (address === "") return others;
    return [{ replicaId: this.#around.replica.replicaId, address }, ...others];
  }

  positions(): OriginPosition[] {
    return this.replicator.positions();
  }

  whenCaughtUp(seen: readonly OriginPosition[], timeoutMs: number): Promise<boolean> {
    return this.#caughtUp.wait(seen, timeoutMs);
  }

  list(): MemberView[] {
    return this.members.list();
  }

  #heard(heartbeat: Heartbeat): void {
    this.members.heard(heartbeat);
    const { replica, clock } = this.#around;
    const own = this.replicator.own.log.origin.epoch;
    for (const { replicaId, epoch, seq, heardEpoch } of heartbeat.applied) {
      if (replicaId === replica.replicaId) this.#laterLife.heardOf(heardEpoch, own, clock.nowMs());
      else if (epoch > 0 && this.#absent.isOver({ replicaId, epoch, sequence: seq }) !== true)
        this.replicator.learn({ replicaId, epoch }, seq);
    }
  }

  #raiseEpoch(): void {
    const { clock, log } = this.#around;
    const nowMs = clock.nowMs();
    const epoch = this.#laterLife.epochAbove(nowMs);
    if (epoch === undefined || this.members.membership.identity(nowMs) !== "sole") return;
    log.warn({ epoch }, "peers know a later run of this replica: was its clock set back?");
    this.members.membership.raised(epoch);
    this.replicator.raise(epoch);
  }

  #orphanKeeper(prober: Prober<TcpProbeTarget>): OrphanKeeper {
    const { replica, clock, log, hub } = this.#around;
    const { membership } = this.members;
    return new OrphanKeeper({
      ...{ clock, log, prober, random: this.#options.random, registry: replica.registry },
      isAdopter: (key, formerId) => membership.isAdopter(key, formerId),
      mayJudge: () => hub.isSettled && !membership.isIsolated,
      isOneMachine: () => this.#isOneMachine(),
      publish: () => replica.publish(),
    });
  }

  /** Every replica is reached on loopback: so is every instance that says so. */
  #isOneMachine(): boolean {
    const addresses = [this.#options.address, ...this.list().map(({ address }) => address)];
    return addresses.every((address) => address !== "" && isLoopback(address));
  }

  /** Unless all who live say otherwise. */
  #isHeldElsewhere({ replicaId, epoch }: Origin): boolean {
    if (!this.members.hearsAllBut(replicaId)) return true;
    const others = this.list().filter(({ state }) => state === "alive");
    if (others.length === 0) return true;
    return others.some(
      ({ flags, applied }) =>
        !flags.isSettled ||
        applied.some((held) => held.replicaId === replicaId && held.epoch === epoch),
    );
  }
}

/** Their drains and changes are heard by the others, who could not wait for agents that are here. */
const CUT_OFF = "this replica is cut off from the others";
