import { expiryOf, type Fence } from "../../../core/registry/fences.ts";
import {
  applyForeign,
  endForeign,
  learnDecision,
  type TakeIn,
} from "../../../core/registry/foreign-records.ts";
import { DEFAULT_LEASE_MS, LeaseGroup } from "../../../core/registry/lease.ts";
import type { InstanceRecord } from "../../../core/registry/record.ts";
import type { Registry } from "../../../core/registry/registry.ts";
import { Contradictions } from "../../../core/replication/contradictions.ts";
import { isFencedBy, type RecordEntry, removalEntry } from "../../../core/replication/entry.ts";
import type { Heartbeat } from "../../../core/replication/messages.ts";
import type { OriginChange } from "../../../core/replication/origin-change.ts";
import { RemoteOrigin, type RemoteOriginOptions } from "../../../core/replication/remote-origin.ts";
import type { Clock } from "../../../ports/clock.ts";
import { isHandOver } from "./own-origin.ts";

/** More than these is no clock that is a little off; the next full copy brings the others. */
const MAX_QUARANTINED = 10_000;

/** Whoever took over what a peer no longer holds is heard within seconds, unless he is cut off. */
const LEFTOVER_GRACE_MS = 30_000;

/** Whoever is heard again has told within it what was missed meanwhile. */
const TOLD_WITHIN_MS = 10_000;

/** A review comes each second. */
const LATE_REVIEW_MS = 3_000;

/** Two heartbeats. */
const HEARD_WITHIN_MS = 2_000;

/** After so much silence there is no way from it to us, perhaps: it is asked for nothing, others hold copies. */
const UNHEARD_AFTER_MS = 5_000;

/** Between two copies of all that another one has heard of it: up to 10 MB of a third of 100,000 instances. */
const HEARSAY_EVERY_MS = 5_000;

/** Told of what a peer's word changed here. */
export interface PeerListener {
  /** Nobody holds that id any more, unless another peer's record of it was outranked until now. */
  vacated(key: string): void;
  /** Of this one, perhaps, its owner has not heard what operators decided. */
  decided(record: InstanceRecord): void;
  /** It says that something is over: others may still hold it. */
  ended(fence: Fence): void;
  /** A new life of the peer is here. @param orphans what the former one owned, and this one says nothing of */
  succeeded(orphans: readonly InstanceRecord[]): void;
  /** All of one change is in the registry. */
  changed(): void;
}

/** Another replica: the copy of what it owns, and what of it this replica serves. */
export class PeerOrigin {
  readonly copy: RemoteOrigin;
  /** Its last heartbeat; `undefined` before the first. */
  lastBeat: Heartbeat | undefined;
  /** Monotonic time of the last message; before the first, of the first word of it, by whomever. */
  heardAtMs: number;
  /** False of one that was only told of. */
  #hasSpoken = false;
  /** Keys of records that were not taken in yet, because their time lies too far ahead. */
  readonly #quarantined = new Set<string>();
  /** Keys of records of which operators decided something that the peer does not say: it is told until it does. */
  readonly #undecided = new Set<string>();
  /**
   * Served here, and no longer held by the peer, by key: its client went to another replica, or the
   * reason was lost on the way. The word of whoever has it now comes from there.
   */
  readonly #leftovers = new Map<
    string,
    { readonly entry: RecordEntry; readonly sinceMs: number }
  >();
  /** When somebody who might claim a leftover was not heard last. */
  #incompleteAtMs = 0;
  #reviewedAtMs = 0;
  #hearsayAtMs = Number.NEGATIVE_INFINITY;
  readonly #contradictions = new Contradictions();
  readonly #selfId: string;
  #isStale = false;
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #listener: PeerListener;
  /** What it owns here: never in the wheel, because only its owner knows who is alive. */
  readonly #owned: LeaseGroup<InstanceRecord>;

  constructor(
    replicaId: string,
    registry: Registry,
    clock: Clock,
    listener: PeerListener,
    options: Omit<RemoteOriginOptions, "changed">,
  ) {
    this.#registry = registry;
    this.#clock = clock;
    this.#listener = listener;
    this.#selfId = options.requester;
    this.#owned = new LeaseGroup(DEFAULT_LEASE_MS, "", clock.nowMs(), replicaId);
    this.heardAtMs = clock.nowMs();
    this.copy = new RemoteOrigin(replicaId, {
      ...options,
      changed: (change) => this.#apply(change),
    });
  }

  /** How many of the served records are this one's. */
  get ownedCount(): number {
    return this.#owned.size;
  }

  get quarantinedCount(): number {
    return this.#quarantined.size;
  }

  spoke(nowMs: number): void {
    this.heardAtMs = nowMs;
    this.#hasSpoken = true;
  }

  /** Whether it can be asked itself: else others are, about it. */
  isHeard(nowMs: number): boolean {
    return this.#hasSpoken && this.isAwaited(nowMs);
  }

  /** Whether what it tells belongs to what is waited for: of one that was only told of, somebody holds a copy. */
  isAwaited(nowMs: number): boolean {
    return nowMs - this.heardAtMs < UNHEARD_AFTER_MS;
  }

  /** Somebody else has heard it that far. Once in a while, what is out of our reach is asked of those who have it. */
  outrun(seq: number, nowMs: number): void {
    if (this.isHeard(nowMs) || this.copy.seq >= seq) return;
    if (nowMs - this.#hearsayAtMs < HEARSAY_EVERY_MS) return;
    this.#hearsayAtMs = nowMs;
    this.copy.reconnected(nowMs, { kind: "full" });
  }

  /** Whether it still says so of a record that is served as its own. */
  holds({ service, id, instance, adoption }: InstanceRecord): boolean {
    const held = this.copy.set?.get(`${service.key}/${id}`)?.record;
    if (held?.instance.registrationId !== instance.registrationId) return false;
    // A new life may remember an earlier attachment only.
    const { generation } = held.instance;
    if (generation !== instance.generation) return generation > instance.generation;
    return held.adoption >= adoption;
  }

  /** They are a copy: it may be kept. */
  get owned(): InstanceRecord[] {
    return this.#owned.members();
  }

  #apply(change: OriginChange): void {
    const by = this.#takeIn();
    // First who left: an id that went to a new process is not taken for a fight between two.
    for (const fence of change.fences) this.#end(fence, by.nowMs);
    for (const { entry, fence } of change.removals) {
      const isOver = fence !== undefined && !isHandOver(fence);
      if (!isOver) this.#leftovers.set(entry.key, { entry, sinceMs: by.nowMs });
    }
    for (const entry of change.upserts) this.#take(entry, by);
    if (change.formerEpoch !== undefined) this.#succeed(change.orphans, by.nowMs);
    this.#listener.changed();
  }

  /**
   * Each second. Takes in what lies ahead no longer, and ends what the peer does not hold and nobody claimed.
   * @param isComplete whether everybody who might claim it is heard
   * @returns of what the peer still holds, what ended long enough ago that it must be told
   */
  review(isComplete: boolean): readonly Fence[] {
    for (const key of this.#quarantined) this.offer(key);
    const nowMs = this.#clock.nowMs();
    // A process that stood still has not heard what was said meanwhile, whatever it thinks of the others.
    const wasPaused = nowMs - this.#reviewedAtMs > LATE_REVIEW_MS;
    this.#reviewedAtMs = nowMs;
    if (!isComplete || wasPaused) this.#incompleteAtMs = nowMs;
    const isTold = nowMs - this.#incompleteAtMs >= TOLD_WITHIN_MS;
    for (const [key, { entry, sinceMs }] of this.#leftovers) {
      if (!this.#isLeftover(entry)) this.#leftovers.delete(key);
      else if (isTold && nowMs - sinceMs >= LEFTOVER_GRACE_MS) {
        this.#leftovers.delete(key);
        this.#end(expiryOf(entry.serviceKey, entry.record), nowMs);
      }
    }
    // Who is not heard would not hear it either, and others would tell it on in turn.
    const isHeard = nowMs - this.heardAtMs < HEARD_WITHIN_MS;
    if (!isHeard || !this.copy.isSynced) return [];
    for (const key of this.#undecided) this.#decide(key);
    return this.#contradictions.due(this.copy.set, nowMs);
  }

  /** Ends were missed, perhaps: whatever the next full copy does not hold ended long ago. */
  reload(): void {
    this.#isStale = true;
    this.copy.reconnected(this.#clock.nowMs(), { kind: "full" });
  }

  /** It is dead, and nobody else holds its records any more: their end was missed here. */
  abandon(): void {
    for (const record of this.owned) {
      this.#end(expiryOf(record.service.key, record), this.#clock.nowMs());
    }
    this.#listener.changed();
  }

  /** What it holds under a key was outranked before, or was not: now it is asked for again. */
  offer(key: string): void {
    const entry = this.copy.set?.get(key);
    if (entry !== undefined) this.#take(entry, this.#takeIn());
    else this.#quarantined.delete(key);
  }

  /** Until it says so itself, it is told what operators decided of a registration of its own. */
  tellAgain({ service, id }: InstanceRecord): void {
    this.#undecided.add(`${service.key}/${id}`);
  }

  /** Somebody ended it: does this one still say otherwise? */
  contradict(fence: Fence): void {
    const { key } = removalEntry(fence);
    const held = this.copy.set?.get(key);
    if (held === undefined || !isFencedBy(held.record, fence)) return;
    this.#contradictions.note(key, fence, this.#clock.nowMs());
  }

  /** Also what a life before the former one held is said by nobody still. */
  #succeed(orphans: readonly RecordEntry[], nowMs: number): void {
    const lost = new Set<string>();
    if (this.#isStale) {
      for (const entry of orphans) {
        lost.add(entry.key);
        this.#leftovers.set(entry.key, { entry, sinceMs: nowMs });
      }
    }
    this.#isStale = false;
    const isLost = ({ service, id }: InstanceRecord) => lost.has(`${service.key}/${id}`);
    this.#listener.succeeded(this.owned.filter((record) => !this.holds(record) && !isLost(record)));
  }

  #isLeftover({ key, serviceKey, instanceId, record }: RecordEntry): boolean {
    const served = this.#registry.services.get(serviceKey)?.records.get(instanceId);
    const { registrationId, generation } = record.instance;
    return (
      served?.group === this.#owned &&
      served.instance.registrationId === registrationId &&
      served.instance.generation === generation &&
      this.copy.set?.get(key) === undefined
    );
  }

  /** Its owner hears of it in a message that may be lost, or that a full copy of ours leaves out. */
  #decide(key: string): void {
    const said = this.copy.set?.get(key);
    const { registrationId } = said?.record.instance ?? {};
    const lease = said && registrationId && { ...said, service: said.serviceKey, registrationId };
    const served = lease && this.#registry.find(lease);
    const isBehind =
      served?.group === this.#owned &&
      served.operatorRevision > (said?.record.operatorRevision ?? 0);
    if (isBehind) this.#listener.decided(served);
    else this.#undecided.delete(key);
  }

  #take({ key, record, serviceKey, instanceId }: RecordEntry, by: TakeIn): void {
    const { registrationId } = record.instance;
    const served = this.#registry.find({ service: serviceKey, instanceId, registrationId });
    const isServed = served !== undefined;
    const formerRevision = served?.operatorRevision ?? 0;
    // Times decide between processes: of the one that is served already, its time is believed.
    if (!isServed && !this.#registry.hlc.believes(record.firstRegisteredHlc, by.wallMs)) {
      if (this.#quarantined.size < MAX_QUARANTINED) this.#quarantined.add(key);
      return;
    }
    this.#quarantined.delete(key);
    const outcome = applyForeign(this.#registry, this.#owned, record, by);
    if (outcome === "applied") this.#decide(key);
    // What it says is over, but not what operators decided then: whoever owns it now may not know.
    const isNews = outcome === "outranked" && (served?.operatorRevision ?? 0) > formerRevision;
    if (isNews && served?.isOwn === false) this.#listener.decided(served);
    if (outcome !== "fenced") return;
    const fence = this.#registry.fences.find(serviceKey, instanceId, registrationId);
    if (fence !== undefined) this.#contradictions.note(key, fence, by.nowMs);
  }

  #takeIn(): TakeIn {
    return {
      nowMs: this.#clock.nowMs(),
      wallMs: this.#clock.wallMs(),
      replicaId: this.#selfId,
    };
  }

  /** Whose client went elsewhere is served until the word from there has come. */
  #end(fence: Fence, nowMs: number): void {
    const learned = learnDecision(this.#registry, fence);
    if (learned?.isOwn === false) this.#listener.decided(learned);
    if (isHandOver(fence)) return;
    const hasLeft = endForeign(this.#registry, fence, nowMs);
    this.#listener.ended(fence);
    if (hasLeft) this.#listener.vacated(removalEntry(fence).key);
  }
}
