import type { Random } from "../../../core/model/random.ts";
import type { Fence } from "../../../core/registry/fences.ts";
import type { InstanceRecord } from "../../../core/registry/record.ts";
import type { Registry } from "../../../core/registry/registry.ts";
import { BusRequestError } from "../../../core/replication/bus-request-error.ts";
import { type Origin, removalEntry } from "../../../core/replication/entry.ts";
import type {
  AppliedPosition,
  MemberFlags,
  PullRequest,
  ReplicationMessage,
} from "../../../core/replication/messages.ts";
import type { PullEffect } from "../../../core/replication/origin-pulls.ts";
import { PullServer, type PullSource } from "../../../core/replication/pull-server.ts";
import { PullSlots } from "../../../core/replication/pull-slots.ts";
import type { ClusterSubjects } from "../../../core/replication/subjects.ts";
import type { Bus, BusMessage } from "../../../ports/bus.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Log } from "../../../ports/log.ts";
import type { ReplicationCodec } from "../../../ports/replication-codec.ts";
import { OwnOrigin } from "./own-origin.ts";
import { PeerOrigin } from "./peer-origin.ts";

/** What others know of this replica is at most so old, while the bus works. */
export const HEARTBEAT_MS = 1_000;

/** How often due pulls are looked for: a gap waits 100 ms anyway. */
const TICK_MS = 100;

/** Above a round trip with a chunk; the session asks again by itself. */
const PULL_TIMEOUT_MS = 2_000;

/** After so much silence a replica is asked for nothing: others hold copies. */
const SILENT_MS = 5_000;

export interface ReplicatorOptions {
  readonly bus: Bus;
  readonly codec: ReplicationCodec;
  readonly subjects: ClusterSubjects;
  readonly origin: Origin;
  /** Where agents and clients reach this replica; `""` when it was not told. */
  readonly address: string;
  readonly softwareVersion: string;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Agents are told of what was taken in. */
  readonly publish: () => void;
  readonly flags: () => MemberFlags;
}

/** Keeps this replica's registry and those of its peers alike: tells what is its own, and takes in what is theirs. */
export class Replicator {
  readonly own: OwnOrigin;
  readonly peers = new Map<string, PeerOrigin>();
  /** Messages that were no messages of ours. */
  garbageCount = 0;
  readonly #options: ReplicatorOptions;
  readonly #slots = new PullSlots();
  readonly #server = new PullServer();
  readonly #ends: (() => void)[] = [];
  /** Ids that somebody left since the last `publish`. */
  readonly #vacated = new Set<string>();

  constructor(options: ReplicatorOptions) {
    this.#options = options;
    const { origin, clock } = options;
    this.own = new OwnOrigin(origin, clock, (batch) => this.#send("delta", batch));
  }

  start(): void {
    const { bus, subjects, origin } = this.#options;
    const hear = (pattern: string, take: (message: BusMessage) => void) => {
      const subscription = bus.subscribe(pattern, take);
      this.#ends.push(() => subscription.close());
    };
    hear(subjects.all("delta"), (message) => this.#hear(message));
    hear(subjects.all("hb"), (message) => this.#hear(message));
    hear(subjects.of("pull", origin.replicaId), (message) => this.#answer(message));
    this.#ends.push(bus.onState(({ kind }) => kind === "connected" && this.#reconnected()));
    this.#repeat(HEARTBEAT_MS, () => this.#beat());
    this.#repeat(TICK_MS, () => this.#tick());
  }

  stop(): void {
    for (const end of this.#ends) end();
    for (const { copy } of this.peers.values()) copy.close();
    this.own.stop();
  }

  written(record: InstanceRecord): void {
    this.own.written(record);
  }

  ended(fence: Fence): void {
    this.own.ended(fence);
    this.#vacated.add(`${fence.serviceKey}/${fence.instanceId}`);
  }

  handedOver(record: InstanceRecord, formerGeneration: number): void {
    this.own.handedOver(record, formerGeneration, this.#options.registry.hlc);
  }

  /** Tells the others of what was written since the last call; who was outranked by the gone has his turn. */
  publish(): void {
    for (const key of this.#vacated) for (const peer of this.peers.values()) peer.offer(key);
    this.#vacated.clear();
    this.own.publish();
  }

  /** True when nothing of a replica that is heard is known to be missing. */
  get isSynced(): boolean {
    return [...this.peers.values()].every((peer) => peer.copy.isSynced || !this.#isHeard(peer));
  }

  #hear({ payload }: BusMessage): void {
    const message = this.#options.codec.decode(payload);
    const isKnown = message?.type === "delta" || message?.type === "heartbeat";
    if (!isKnown) {
      this.garbageCount++;
      return;
    }
    if (message.origin.replicaId === this.#options.origin.replicaId) return;
    const nowMs = this.#options.clock.nowMs();
    const peer = this.#peer(message.origin.replicaId);
    peer.heardAtMs = nowMs;
    if (message.type === "heartbeat") peer.lastBeat = message;
    const effects =
      message.type === "delta"
        ? peer.copy.batch(message, nowMs)
        : peer.copy.heartbeat(message, nowMs);
    this.#pull(peer, effects);
  }

  #answer(message: BusMessage): void {
    const { codec, clock } = this.#options;
    const request = codec.decode(message.payload);
    if (request?.type !== "pull-request") {
      this.garbageCount++;
      return;
    }
    const chunk = this.#server.answer(request, this.#sourceOf(request), clock.nowMs());
    message.reply(codec.encode(chunk));
  }

  #sourceOf({ origin }: PullRequest): PullSource | undefined {
    if (origin.replicaId !== this.#options.origin.replicaId) {
      const copy = this.peers.get(origin.replicaId)?.copy;
      const set = copy?.set;
      return copy && set && { origin: copy.origin, seq: copy.seq, set };
    }
    const { log } = this.own;
    const { fences } = this.#options.registry;
    return {
      ...{ origin: log.origin, seq: log.seq, set: log.set },
      since: (fromSeq) => log.since(fromSeq),
      // Also those of others: whoever was cut off must hear of every end.
      fences: () => fences.all().map(removalEntry),
    };
  }

  #peer(replicaId: string): PeerOrigin {
    const known = this.peers.get(replicaId);
    if (known !== undefined) return known;
    const { registry, clock, random, publish, origin } = this.#options;
    const vacated = (key: string) => void this.#vacated.add(key);
    const peer = new PeerOrigin(
      replicaId,
      registry,
      clock,
      { vacated, changed: publish },
      {
        requester: origin.replicaId,
        random,
        slots: this.#slots,
        serverOf: (wanted, attempt) => this.#serverOf(wanted, attempt),
      },
    );
    this.peers.set(replicaId, peer);
    return peer;
  }

  /** The origin itself, then in turn those that hold a copy of that epoch. */
  #serverOf(wanted: Origin, attempt: number): string | undefined {
    const isHolding = ({ lastBeat }: PeerOrigin) =>
      lastBeat?.applied.some(
        ({ replicaId, epoch }) => replicaId === wanted.replicaId && epoch === wanted.epoch,
      ) === true;
    const candidates: string[] = [];
    for (const [replicaId, peer] of this.peers) {
      if (!this.#isHeard(peer)) continue;
      if (replicaId === wanted.replicaId) candidates.unshift(replicaId);
      else if (isHolding(peer)) candidates.push(replicaId);
    }
    return candidates[attempt % Math.max(1, candidates.length)];
  }

  #pull(peer: PeerOrigin, effects: readonly PullEffect[]): void {
    const { bus, codec, subjects, clock } = this.#options;
    for (const { server, request } of effects) {
      const subject = subjects.of("pull", server);
      bus
        .request(subject, codec.encode(request), PULL_TIMEOUT_MS)
        .then((payload) => {
          const chunk = codec.decode(payload);
          if (chunk?.type === "pull-chunk")
            this.#pull(peer, peer.copy.pullReply(chunk, clock.nowMs()));
          else this.#pull(peer, peer.copy.pullFailed(request.session, clock.nowMs()));
        })
        .catch((error: unknown) => this.#pullFailed(peer, request, error));
    }
  }

  #pullFailed(peer: PeerOrigin, request: PullRequest, error: unknown): void {
    const { log, clock } = this.#options;
    // A chunk that is late is asked for again; what nobody can answer is not waited for.
    if (error instanceof BusRequestError && error.reason === "timeout") return;
    if (!(error instanceof BusRequestError))
      log.error({ err: error, origin: request.origin }, "a pull failed");
    this.#pull(peer, peer.copy.pullFailed(request.session, clock.nowMs()));
  }

  #tick(): void {
    const nowMs = this.#options.clock.nowMs();
    const count = [...this.peers.values()].filter((peer) => this.#isHeard(peer)).length + 1;
    for (const peer of this.peers.values()) this.#pull(peer, peer.copy.tick(nowMs, count));
  }

  #reconnected(): void {
    const nowMs = this.#options.clock.nowMs();
    for (const { copy } of this.peers.values()) copy.reconnected(nowMs);
    this.#beat();
  }

  #beat(): void {
    const { address, softwareVersion, clock, flags } = this.#options;
    this.#send("hb", {
      type: "heartbeat",
      ...this.own.log.position,
      wallMs: clock.wallMs(),
      applied: this.#applied(),
      address,
      softwareVersion,
      flags: flags(),
    });
  }

  #applied(): AppliedPosition[] {
    const nowMs = this.#options.clock.nowMs();
    return Array.from(this.peers.values(), ({ copy, heardAtMs }) => ({
      ...copy.origin,
      seq: copy.seq,
      silentMs: nowMs - heardAtMs,
    }));
  }

  #isHeard({ heardAtMs }: PeerOrigin): boolean {
    return this.#options.clock.nowMs() - heardAtMs < SILENT_MS;
  }

  #send(kind: "delta" | "hb", message: ReplicationMessage): void {
    const { bus, codec, subjects, origin } = this.#options;
    bus.publish(subjects.of(kind, origin.replicaId), codec.encode(message));
  }

  #repeat(everyMs: number, task: () => void): void {
    let cancel = () => undefined as unknown;
    const next = () => {
      cancel = this.#options.clock.after(everyMs, () => {
        next();
        task();
      });
    };
    next();
    this.#ends.push(() => cancel());
  }
}
