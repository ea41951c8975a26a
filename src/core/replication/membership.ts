import { FENCE_TTL_MS } from "../registry/fences.ts";
import { adopterOf } from "./adopter.ts";
import type { Origin } from "./entry.ts";
import { Member, type MemberState, type MemberView } from "./member.ts";
import type { Control, Heartbeat } from "./messages.ts";
import { OwnHealth } from "./own-health.ts";

/** Five lost heartbeats. */
export const SUSPECT_AFTER_MS = 5_000;
/** As long as an ordinary lease: a replica is trusted as long as an instance. */
export const DEAD_AFTER_MS = 15_000;
/** How often `tick` is called. */
export const MEMBERSHIP_TICK_MS = 1_000;

/** A tick that comes so late says that this process stood still. */
const PAUSED_AFTER_MS = 2 * MEMBERSHIP_TICK_MS;

/** Whoever was away for longer may have missed an end that others have forgotten by the time he asks. */
const STALE_AFTER_MS = FENCE_TTL_MS / 2;

/**
 * That most others are gone at once says that the trouble is ours; that they are gone for so long, with
 * a bus that works, says that they are. What they owned ends with evidence only, in either case.
 */
const DOUBT_FOR_MS = 5 * 60_000;

/** A name of a replica that is gone for so long is forgotten. */
const FORGET_AFTER_MS = 24 * 3_600_000;

/** A process with our id is there as long as its heartbeats come, three of which may be lost. */
const TWIN_AFTER_MS = 4_000;

/** More replicas than any cluster has: names beyond are somebody's noise on the bus. */
const MAX_MEMBERS = 1_000;

/**
 * - `joined`: heard for the first time, or again after it was gone. `restarted`: the same with a new epoch.
 * - `suspect`, `alive`: silent, and not any more.
 * - `dead`: silent for too long: what it owned is orphaned. `left`: it said so.
 * - `fenced`: another process has our id and a higher epoch: stop serving, at once.
 * - `duplicate`: another process has our id and a lower epoch: it will stop.
 * - `isolated`, `connected`: we hear too few to judge anybody, and enough again.
 * - `paused`: this process stood still: everything that waits for silence begins anew.
 * - `stale`: away for so long that what others own must be loaded anew before it is served.
 */
export type MembershipChange =
  | {
      readonly kind: "joined" | "restarted" | "suspect" | "alive" | "dead" | "left";
      readonly member: Origin;
    }
  | { readonly kind: "fenced" | "duplicate"; readonly epoch: number }
  | { readonly kind: "isolated" | "connected" | "stale" }
  | { readonly kind: "paused"; readonly forMs: number };

/**
 * Which replicas live, by their heartbeats. Doubts itself before it doubts others: nobody is declared
 * dead while this replica is cut off, has just stood still, or hears less than half of the others.
 */
export class Membership {
  readonly health = new OwnHealth();
  #self: Origin;
  readonly #members = new Map<string, Member>();
  #isBusConnected = true;
  #isIsolated = false;
  /** When we last heard half of the others. */
  #doubtfulSinceMs = 0;
  #lastTickMs: number;
  /** When we last were in contact with the cluster. */
  #contactMs: number;
  /** Another process with our id, and when it was heard. */
  #twin: { readonly epoch: number; readonly heardMs: number } | undefined;

  constructor(self: Origin, nowMs: number) {
    this.#self = self;
    this.#lastTickMs = nowMs;
    this.#contactMs = nowMs;
    this.#doubtfulSinceMs = nowMs;
  }

  /** True while nobody is judged. */
  get isIsolated(): boolean {
    return this.#isIsolated;
  }

  /** Another process with our id: `duplicate` when it is the older one, `fenced` when we are. */
  identity(nowMs: number): "sole" | "duplicate" | "fenced" {
    const twin = this.#twin;
    if (twin === undefined || nowMs - twin.heardMs > TWIN_AFTER_MS) return "sole";
    return twin.epoch > this.#self.epoch ? "fenced" : "duplicate";
  }

  /** All that are known but this one, in no order. */
  members(nowMs: number): MemberView[] {
    return [...this.#members.values()].map((member) => member.view(nowMs));
  }

  /** This replica goes on under a higher epoch. */
  raised(epoch: number): void {
    this.#self = { ...this.#self, epoch };
  }

  /** `undefined` for one that never spoke to us. */
  stateOf(replicaId: string): MemberState | undefined {
    return this.#members.get(replicaId)?.state;
  }

  /** Who serves, this replica included. */
  liveIds(): string[] {
    const others = [...this.#members.values()].filter(({ isLive }) => isLive);
    return [this.#self.replicaId, ...others.map(({ origin }) => origin.replicaId)];
  }

  /**
   * True when this replica takes over what `formerId` held under this key.
   * @param formerId never the choice: where it started anew, it knows nothing of what it held
   */
  isAdopter(key: string, formerId: string): boolean {
    const others = this.liveIds().filter((id) => id !== formerId);
    return adopterOf(key, others) === this.#self.replicaId;
  }

  /** @param wallMs this replica's wall clock, to show how far the other one's is off */
  heard(heartbeat: Heartbeat, nowMs: number, wallMs: number): MembershipChange[] {
    const { origin } = heartbeat;
    if (origin.replicaId === this.#self.replicaId) return this.#heardOurselves(origin.epoch, nowMs);
    const member = this.#members.get(origin.replicaId);
    if (member !== undefined) {
      const kind = member.heard(heartbeat, nowMs, wallMs);
      return kind === undefined ? [] : [{ kind, member: origin }];
    }
    if (this.#members.size >= MAX_MEMBERS) return [];
    this.#members.set(origin.replicaId, new Member(heartbeat, nowMs, wallMs));
    return [{ kind: "joined", member: origin }];
  }

  /** A replica says goodbye, having handed over its clients: no grace is needed. */
  left({ origin }: Control): MembershipChange[] {
    const member = this.#members.get(origin.replicaId);
    if (member?.leave(origin.epoch) !== true) return [];
    return [{ kind: "left", member: origin }];
  }

  /** The bus was lost, or is back. What was silent meanwhile gets a whole round again. */
  busChanged(isConnected: boolean, nowMs: number): MembershipChange[] {
    if (isConnected) {
      this.health.reconnected();
      this.#rearm(nowMs);
    }
    this.#isBusConnected = isConnected;
    return this.#judgeOurselves(nowMs);
  }

  /** Each second. Whatever waited to be read from the bus should be handled before. */
  tick(nowMs: number): MembershipChange[] {
    const lateMs = nowMs - this.#lastTickMs - MEMBERSHIP_TICK_MS;
    const changes: MembershipChange[] = [];
    this.#lastTickMs = nowMs;
    this.health.late(lateMs);
    if (this.#isUnheard(nowMs)) this.health.unheard();
    this.health.tick();
    if (lateMs > PAUSED_AFTER_MS - MEMBERSHIP_TICK_MS) {
      this.#rearm(nowMs);
      changes.push({ kind: "paused", forMs: lateMs });
    }
    changes.push(...this.#judgeOurselves(nowMs), ...this.#judgeOthers(nowMs));
    return changes;
  }

  #heardOurselves(epoch: number, nowMs: number): MembershipChange[] {
    if (epoch === this.#self.epoch) return [];
    this.#twin = { epoch, heardMs: nowMs };
    return [{ kind: epoch > this.#self.epoch ? "fenced" : "duplicate", epoch }];
  }

  /** Somebody is heard well, and all such say that they do not hear us: the trouble is ours. */
  #isUnheard(nowMs: number): boolean {
    let isUnheard = false;
    for (const member of this.#members.values()) {
      if (!member.isLive || member.silentMs(nowMs) >= SUSPECT_AFTER_MS) continue;
      if (member.hears(this.#self, SUSPECT_AFTER_MS)) return false;
      isUnheard = true;
    }
    return isUnheard;
  }

  #rearm(nowMs: number): void {
    for (const member of this.#members.values()) member.rearm(nowMs);
  }

  #judgeOurselves(nowMs: number): MembershipChange[] {
    const changes: MembershipChange[] = [];
    const live = [...this.#members.values()].filter(({ isLive }) => isLive);
    const limit = SUSPECT_AFTER_MS * this.health.patience;
    const silent = live.filter((member) => member.silentMs(nowMs) >= limit);
    const isMajority = this.#isBusConnected && silent.length * 2 > live.length;
    if (!isMajority) this.#doubtfulSinceMs = nowMs;
    const isDoubtful = isMajority && nowMs - this.#doubtfulSinceMs < DOUBT_FOR_MS;
    const isIsolated = !this.#isBusConnected || isDoubtful;
    if (isIsolated !== this.#isIsolated) {
      this.#isIsolated = isIsolated;
      changes.push({ kind: isIsolated ? "isolated" : "connected" });
    }
    if (!isIsolated) {
      if (nowMs - this.#contactMs > STALE_AFTER_MS) changes.push({ kind: "stale" });
      this.#contactMs = nowMs;
    }
    return changes;
  }

  #judgeOthers(nowMs: number): MembershipChange[] {
    const changes: MembershipChange[] = [];
    const { patience } = this.health;
    for (const [id, member] of this.#members) {
      if (!member.isLive) {
        if (member.silentMs(nowMs) > FORGET_AFTER_MS) this.#members.delete(id);
        continue;
      }
      const silentMs = member.silentMs(nowMs);
      const { origin } = member;
      if (silentMs >= DEAD_AFTER_MS * patience && !this.#isIsolated) {
        member.state = "dead";
        changes.push({ kind: "dead", member: origin });
      } else if (silentMs >= SUSPECT_AFTER_MS * patience && member.state === "alive") {
        member.state = "suspect";
        changes.push({ kind: "suspect", member: origin });
      }
    }
    return changes;
  }
}
