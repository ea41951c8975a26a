import type { SeenPositions } from "../../../core/discovery/seen-positions.ts";
import type { InstanceRecord } from "../../../core/registry/record.ts";
import { BusRequestError } from "../../../core/replication/bus-request-error.ts";
import type { Origin } from "../../../core/replication/entry.ts";
import type { PullRequest } from "../../../core/replication/messages.ts";
import type { PullEffect } from "../../../core/replication/origin-pulls.ts";
import { bucketOf } from "../../../core/replication/origin-set.ts";
import { PullSlots } from "../../../core/replication/pull-slots.ts";
import type { ClusterSubjects } from "../../../core/replication/subjects.ts";
import type { Bus } from "../../../ports/bus.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Log } from "../../../ports/log.ts";
import type { ReplicationCodec } from "../../../ports/replication-codec.ts";
import type { PeerOrigin } from "./peer-origin.ts";

/** Above a round trip with a chunk; the session asks again by itself. */
const PULL_TIMEOUT_MS = 2_000;

export interface PeerPullsOptions {
  readonly bus: Bus;
  readonly codec: ReplicationCodec;
  readonly subjects: ClusterSubjects;
  readonly clock: Clock;
  readonly log: Log;
  readonly peers: ReadonlyMap<string, PeerOrigin>;
  /** How far replicas had heard all origins when they said what was heard of them. */
  readonly implied: SeenPositions;
}

/** Asks peers for what of their records is missing here. */
export class PeerPulls {
  /** Shared by all copies: a replica that comes back asks two at once. */
  readonly slots = new PullSlots();
  readonly #options: PeerPullsOptions;

  constructor(options: PeerPullsOptions) {
    this.#options = options;
  }

  /** True when nothing of a replica that is heard is known to be missing. */
  get isSynced(): boolean {
    const nowMs = this.#options.clock.nowMs();
    const peers = [...this.#options.peers.values()];
    return peers.every((peer) => peer.copy.isSynced || !peer.isAwaited(nowMs));
  }

  tick(): void {
    const nowMs = this.#options.clock.nowMs();
    const peers = [...this.#options.peers.values()];
    const count = peers.filter((peer) => peer.isHeard(nowMs)).length + 1;
    for (const peer of peers) this.send(peer, peer.copy.tick(nowMs, count));
  }

  /** The bus came back: what was said meanwhile is lost. */
  reconnected(): void {
    const nowMs = this.#options.clock.nowMs();
    for (const { copy } of this.#options.peers.values()) copy.reconnected(nowMs);
  }

  /**
   * Of what a former life of a replica owned, and its new one does not: what that life said last reached
   * some of the others only.
   */
  askAbout(orphans: readonly InstanceRecord[]): void {
    const keys = orphans.map(({ service, id }) => bucketOf(`${service.key}/${id}`));
    const buckets = [...new Set(keys)];
    if (buckets.length === 0) return;
    const nowMs = this.#options.clock.nowMs();
    for (const { copy } of this.#options.peers.values())
      copy.reconnected(nowMs, { kind: "buckets", buckets });
  }

  send(peer: PeerOrigin, effects: readonly PullEffect[]): void {
    const { bus, codec, subjects, clock } = this.#options;
    for (const { server, request } of effects) {
      const subject = subjects.of("pull", server);
      bus
        .request(subject, codec.encode(request), PULL_TIMEOUT_MS)
        .then((payload) => {
          const chunk = codec.decode(payload);
          if (chunk?.type !== "pull-chunk") {
            this.send(peer, peer.copy.pullFailed(request.session, clock.nowMs()));
            return;
          }
          // Sums tell of no records, nor that there are none.
          if (request.want.kind !== "vector") this.#options.implied.saw(chunk.known);
          this.send(peer, peer.copy.pullReply(chunk, clock.nowMs()));
        })
        .catch((error: unknown) => this.#failed(peer, request, error));
    }
  }

  /** The origin itself, then in turn those whose copy of that epoch is not behind ours, the furthest first. */
  serverOf(wanted: Origin, attempt: number): string | undefined {
    const { peers, clock } = this.#options;
    const ours = peers.get(wanted.replicaId)?.copy;
    const neededSeq = ours?.origin.epoch === wanted.epoch ? ours.seq : 0;
    const candidates: { readonly replicaId: string; readonly seq: number }[] = [];
    for (const [replicaId, peer] of peers) {
      if (!peer.isHeard(clock.nowMs())) continue;
      const isItself = replicaId === wanted.replicaId;
      const seq = isItself ? Number.POSITIVE_INFINITY : heldSeq(peer, wanted);
      if (seq >= neededSeq) candidates.push({ replicaId, seq });
    }
    candidates.sort((a, b) => b.seq - a.seq);
    return candidates[attempt % Math.max(1, candidates.length)]?.replicaId;
  }

  #failed(peer: PeerOrigin, request: PullRequest, error: unknown): void {
    const { log, clock } = this.#options;
    // A chunk that is late is asked for again; what nobody can answer is not waited for.
    if (error instanceof BusRequestError && error.reason === "timeout") return;
    if (!(error instanceof BusRequestError))
      log.error({ err: error, origin: request.origin }, "a pull failed");
    this.send(peer, peer.copy.pullFailed(request.session, clock.nowMs()));
  }
}

/** How far it said that its copy of that life is; below any sequence when it has none. */
function heldSeq({ lastBeat }: PeerOrigin, { replicaId, epoch }: Origin): number {
  const held = lastBeat?.applied.find((it) => it.replicaId === replicaId && it.epoch === epoch);
  return held?.seq ?? Number.NEGATIVE_INFINITY;
}
