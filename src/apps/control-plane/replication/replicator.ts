import type { OriginPosition } from "../../../core/discovery/seen-positions.ts";
import type { Random } from "../../../core/model/random.ts";
import type { Fence } from "../../../core/registry/fences.ts";
import type { InstanceRecord } from "../../../core/registry/record.ts";
import type { Registry } from "../../../core/registry/registry.ts";
import { type Origin, removalEntry } from "../../../core/replication/entry.ts";
import { MESSAGE_OVERHEAD_BYTES } from "../../../core/replication/entry-size.ts";
import type {
  AppliedPosition,
  Control,
  DeltaBatch,
  Heartbeat,
  MemberFlags,
  PullRequest,
  ReplicationMessage,
} from "../../../core/replication/messages.ts";
import { DEFAULT_BATCH_LIMITS } from "../../../core/replication/origin-log.ts";
import {
  DEFAULT_CHUNK_BYTES,
  PullServer,
  type PullSource,
} from "../../../core/replication/pull-server.ts";
import type { SubjectKind } from "../../../core/replication/subjects.ts";
import type { BusMessage } from "../../../ports/bus.ts";
import type { Clock } from "../../../ports/clock.ts";
import { repeat } from "../repeat.ts";
import { OwnOrigin } from "./own-origin.ts";
import { PeerOrigin } from "./peer-origin.ts";
import { PeerPulls, type PeerPullsOptions } from "./peer-pulls.ts";

/** What others know of this replica is at most so old, while the bus works. */
export const HEARTBEAT_MS = 1_000;

/** How often due pulls are looked for: a gap waits 100 ms anyway. */
const TICK_MS = 100;

/** As many as members are kept: names beyond are somebody's noise on the bus. */
const MAX_PEERS = 1_000;

export interface ReplicatorOptions extends Omit<PeerPullsOptions, "peers"> {
  readonly origin: Origin;
  /** Where agents and clients reach this replica; `""` when it was not told. */
  readonly address: string;
  readonly softwareVersion: string;
  readonly registry: Registry;
  /** Its wall is the cluster's: foreign times are judged by it. */
  readonly clusterClock: Clock;
  readonly random: Random;
  /** Agents are told of what was taken in. */
  readonly publish: () => void;
  readonly flags: () => MemberFlags;
  /** Told of each heartbeat and goodbye, our own id's too, before it is used. */
  readonly heard: (message: Heartbeat | Control) => void;
  /** Whether all who own anything are heard, and nothing of theirs is missing. */
  readonly isComplete: () => boolean;
  /** A new life of a peer is here; nobody keeps those registrations of the former one. */
  readonly succeeded: (replicaId: string, orphans: readonly InstanceRecord[]) => void;
}

/** Keeps this replica's registry and those of its peers alike: tells what is its own, and takes in what is theirs. */
export class Replicator {
  readonly own: OwnOrigin;
  readonly peers = new Map<string, PeerOrigin>();
  /** Messages that were no messages of ours. */
  garbageCount = 0;
  readonly pulls: PeerPulls;
  readonly #options: ReplicatorOptions;
  readonly #server = new PullServer();
  readonly #ends: (() => void)[] = [];
  /** Ids that somebody left since the last `publish`. */
  readonly #vacated = new Set<string>();

  constructor(options: ReplicatorOptions) {
    this.#options = options;
    const { origin, clock } = options;
    this.own = new OwnOrigin(origin, clock, {
      send: (batch) => this.#send("delta", batch),
      known: () => this.#known(),
    });
    this.pulls = new PeerPulls({ ...options, peers: this.peers });
  }

  start(): void {
    const { bus, subjects, origin, clock } = this.#options;
    const hear = (pattern: string, take: (message: BusMessage) => void) => {
      const subscription = bus.subscribe(pattern, take);
      this.#ends.push(() => subscription.close());
    };
    hear(subjects.all("delta"), (message) => this.#hear(message));
    hear(subjects.all("hb"), (message) => this.#hear(message));
    hear(subjects.all("ctl"), (message) => this.#hear(message));
    hear(subjects.of("pull", origin.replicaId), (message) => this.#answer(message));
    this.#ends.push(bus.onState(({ kind }) => kind === "connected" && this.#connected()));
    if (bus.state.isConnected) this.#connected();
    const beat = () => {
      this.#beat();
      const isComplete = this.#options.isComplete();
      for (const peer of this.peers.values())
        peer.review(isComplete).forEach(this.own.ended, this.own);
      this.#options.publish();
    };
    this.#ends.push(
      repeat(clock, HEARTBEAT_MS, beat),
      repeat(clock, TICK_MS, () => this.pulls.tick()),
    );
  }

  /** Says goodbye: whoever hears it waits for nobody of ours. */
  leave(): void {
    this.#send("ctl", { type: "control", origin: this.own.log.origin, kind: "leave" });
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
    this.#contradict(fence);
    this.#vacated.add(`${fence.serviceKey}/${fence.instanceId}`);
  }

  handedOver(record: InstanceRecord, formerGeneration: number): void {
    this.own.handedOver(record, formerGeneration, this.#options.registry.hlc.last);
  }

  #known(): readonly OriginPosition[] {
    const { implied } = this.#options;
    implied.saw(this.positions());
    return implied.list();
  }

  #contradict(fence: Fence): void {
    for (const peer of this.peers.values()) peer.contradict(fence);
  }

  /** Tells the others of what was written since the last call; who was outranked by the gone has his turn. */
  publish(): void {
    for (const key of this.#vacated) for (const peer of this.peers.values()) peer.offer(key);
    this.#vacated.clear();
    this.own.publish();
  }

  /** How far this replica has heard each origin, itself included: all that it has written until now is counted. */
  positions(): OriginPosition[] {
    this.own.flush();
    const { origin, seq } = this.own.log;
    const loaded = [...this.peers.values()].filter(({ copy }) => copy.set !== undefined);
    const copies = loaded.map(({ copy }) => ({ ...copy.origin, sequence: copy.seq }));
    return [{ ...origin, sequence: seq }, ...copies];
  }

  /** Another replica has heard that origin as far: one that is dead, or out of our reach, is known from copies only. */
  learn({ replicaId, epoch }: Origin, seq: number): void {
    const peer = this.#peer(replicaId);
    const nowMs = this.#options.clock.nowMs();
    if (peer?.copy.heardOf(epoch, nowMs) === true) peer.outrun(seq, nowMs);
  }

  /** From now on under a higher epoch: under the present one nobody listens to us. */
  raise(epoch: number): void {
    this.own.restart(epoch, this.#options.registry);
    this.#beat();
  }

  /** Out of contact for so long that ends may have been forgotten by all who could tell of them. */
  reload(): void {
    for (const peer of this.peers.values()) peer.reload();
  }

  /** Nothing of it is served, and it is gone: what its copy holds would only come back to life. */
  forget(replicaId: string): void {
    this.peers.get(replicaId)?.copy.close();
    this.peers.delete(replicaId);
  }

  #hear({ payload }: BusMessage): void {
    const message = this.#options.codec.decode(payload);
    if (message === undefined || message.type.startsWith("pull")) {
      this.garbageCount++;
      return;
    }
    if (message.type === "heartbeat" || message.type === "control") this.#options.heard(message);
    if (message.type === "heartbeat" || message.type === "delta") this.#take(message);
  }

  #take(message: DeltaBatch | Heartbeat): void {
    const peer = this.#peer(message.origin.replicaId);
    if (peer === undefined) return;
    const nowMs = this.#options.clock.nowMs();
    peer.spoke(nowMs);
    if (message.type === "heartbeat") {
      peer.lastBeat = message;
      this.pulls.send(peer, peer.copy.heartbeat(message, nowMs));
    } else {
      this.#options.implied.saw(message.known);
      this.pulls.send(peer, peer.copy.batch(message, nowMs));
    }
  }

  #answer(message: BusMessage): void {
    const { codec, clock } = this.#options;
    const request = codec.decode(message.payload);
    if (request?.type !== "pull-request") {
      this.garbageCount++;
      return;
    }
    const chunk = this.#server.answer(request, this.#sourceOf(request), clock.nowMs());
    message.reply(codec.encode({ ...chunk, known: this.#known() }));
  }

  #sourceOf({ origin }: PullRequest): PullSource | undefined {
    // Also those of others: whoever was cut off must hear of every end.
    const fences = () => this.#options.registry.fences.all().map(removalEntry);
    if (origin.replicaId !== this.#options.origin.replicaId) {
      const copy = this.peers.get(origin.replicaId)?.copy;
      return copy?.set && { origin: copy.origin, seq: copy.seq, set: copy.set, fences };
    }
    const { origin: self, seq, set } = this.own.log;
    return { origin: self, seq, set, fences, since: (from) => this.own.log.since(from) };
  }

  #peer(replicaId: string): PeerOrigin | undefined {
    const known = this.peers.get(replicaId);
    const { registry, clusterClock, random, publish, origin } = this.#options;
    const isFull = this.peers.size >= MAX_PEERS;
    if (known !== undefined || isFull || replicaId === origin.replicaId) return known;
    const peer = new PeerOrigin(
      replicaId,
      registry,
      clusterClock,
      {
        vacated: (key) => void this.#vacated.add(key),
        succeeded: (orphans) => {
          this.pulls.askAbout(orphans);
          this.#options.succeeded(replicaId, orphans);
        },
        decided: (record) => this.#decided(record),
        ended: (fence) => this.#contradict(fence),
        changed: publish,
      },
      {
        ...{ requester: origin.replicaId, random, slots: this.pulls.slots },
        serverOf: (wanted, attempt) => this.pulls.serverOf(wanted, attempt),
      },
    );
    this.peers.set(replicaId, peer);
    return peer;
  }

  #decided(record: InstanceRecord): void {
    this.own.decided(record, this.#options.registry.hlc.last);
    this.peers.get(record.group.ownerId)?.tellAgain(record);
  }

  /** What was said meanwhile is lost, and another server may carry less. */
  #connected(): void {
    const { maxPayloadBytes } = this.#options.bus.state;
    const room =
      maxPayloadBytes > 0 ? maxPayloadBytes - MESSAGE_OVERHEAD_BYTES : Number.POSITIVE_INFINITY;
    const maxBytes = Math.min(DEFAULT_BATCH_LIMITS.maxBytes, room);
    this.own.log.limits = { ...DEFAULT_BATCH_LIMITS, maxBytes };
    this.#server.maxChunkBytes = Math.min(DEFAULT_CHUNK_BYTES, room);
    this.pulls.reconnected();
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
      ...{ replicaId: copy.replicaId, epoch: copy.origin.epoch || copy.epoch },
      ...{ seq: copy.seq, heardEpoch: copy.epoch, silentMs: nowMs - heardAtMs },
    }));
  }

  #send(kind: SubjectKind, message: ReplicationMessage): void {
    const { bus, codec, subjects, origin } = this.#options;
    bus.publish(subjects.of(kind, origin.replicaId), codec.encode(message));
  }
}
