import type { Origin } from "../../../core/replication/entry.ts";
import { isLive, type MemberState, type MemberView } from "../../../core/replication/member.ts";
import { Membership, type MembershipChange } from "../../../core/replication/membership.ts";
import type { Control, Heartbeat } from "../../../core/replication/messages.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { ReplicaAddress } from "../../../ports/destination.ts";
import type { Log } from "../../../ports/log.ts";

/** Two heartbeats of a second may be lost: what a replica took in before the last one is known here. */
const SILENT_AFTER_MS = 3_000;

/** A replica that is dead for so long is not the one that clients went to: no partition is left alone as long. */
const GIVEN_UP_AFTER_MS = 600_000;

/**
 * Longer than a hiccup, and short enough: with the 5 s until silence is noticed and the 10 s in which
 * streams leave, agents are elsewhere before a drain there stops waiting for this replica's, after 30 s.
 */
const CUT_OFF_AFTER_MS = 8_000;

/** What follows from news of the members. */
export interface MemberEvents {
  /** Nobody keeps its registrations: it is dead, or has said goodbye. */
  gone(replicaId: string, reason: "dead" | "left"): void;
  /** A replica that was gone is heard again, in the same life. */
  returned(replicaId: string): void;
  /** A new life of a replica. */
  restarted(replicaId: string): void;
  /** A replica joined whose answers are complete. @param liveCount it and this one included. */
  ready(liveCount: number): void;
  /** Another process has our id, and is newer: this one must stop. */
  fenced(reason: string): void;
  /** Out of contact for so long that ends may have been missed for good. */
  stale(): void;
  /** This process stood still, or heard too few others: who seems silent may have spoken meanwhile. */
  renewed(): void;
  /** This replica hears too few others, and that is no hiccup. */
  cutOff(): void;
}

/** The other replicas: who lives, who is told of, and what follows when that changes. */
export class ClusterMembers {
  readonly membership: Membership;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #events: MemberEvents;
  #wasConnected = false;
  #isolatedSinceMs = Number.POSITIVE_INFINITY;
  /** Lives that were settled when they were last heard. */
  readonly #ready = new Map<string, number>();

  constructor(self: Origin, clock: Clock, log: Log, events: MemberEvents) {
    this.membership = new Membership(self, clock.nowMs());
    this.#clock = clock;
    this.#log = log;
    this.#events = events;
  }

  list(): MemberView[] {
    const nowMs = this.#clock.nowMs();
    const ownMs = this.#clock.wallMs() - nowMs;
    return this.membership
      .members(nowMs)
      .map((view) => ({ ...view, clockOffsetMs: view.clockOffsetMs - ownMs }));
  }

  /** Where clients reach the others. Who goes, or cannot be reached, is not told of. */
  addresses(): ReplicaAddress[] {
    // Who is cut off cannot tell who of the others is.
    const { isIsolated } = this.membership;
    const isThere = (state: MemberState) =>
      state === "alive" || (isIsolated && state === "suspect");
    return this.list()
      .filter(({ state, flags, address }) => isThere(state) && !flags.isLeaving && address)
      .map(({ origin: { replicaId }, address }) => ({ replicaId, address }));
  }

  /** Of the others' wall clocks to this one's. */
  get clockOffsetsMs(): number[] {
    const live = this.list().filter(({ state }) => isLive(state));
    return live.map(({ clockOffsetMs }) => clockOffsetMs);
  }

  /** False while a client may speak to a replica of which this one does not hear. */
  get hearsAll(): boolean {
    return this.hearsAllBut("");
  }

  /** Whether anybody else is heard at all. */
  get hearsAny(): boolean {
    return !this.membership.isIsolated && this.list().some(({ state }) => state === "alive");
  }

  /** The same of all others but one, which is known to be gone. */
  hearsAllBut(replicaId: string): boolean {
    if (this.membership.isIsolated) return false;
    return this.list().every(
      ({ origin, state, silentMs }) =>
        origin.replicaId === replicaId ||
        state === "left" ||
        silentMs <= SILENT_AFTER_MS ||
        silentMs > GIVEN_UP_AFTER_MS,
    );
  }

  heard(heartbeat: Heartbeat): void {
    const { replicaId, epoch } = heartbeat.origin;
    // Against the monotonic clock: our wall clock may be set before the next heartbeat comes.
    const nowMs = this.#clock.nowMs();
    this.#apply(this.membership.heard(heartbeat, nowMs, nowMs));
    if (!heartbeat.flags.isSettled || this.#ready.get(replicaId) === epoch) return;
    this.#ready.set(replicaId, epoch);
    this.#events.ready(this.membership.liveIds().length);
  }

  left(control: Control): void {
    this.#apply(this.membership.left(control));
  }

  busChanged(isConnected: boolean): void {
    this.#wasConnected ||= isConnected;
    this.#apply(this.membership.busChanged(isConnected, this.#clock.nowMs()));
  }

  tick(): void {
    const nowMs = this.#clock.nowMs();
    this.#apply(this.membership.tick(nowMs));
    if (nowMs - this.#isolatedSinceMs < CUT_OFF_AFTER_MS) return;
    this.#isolatedSinceMs = Number.POSITIVE_INFINITY;
    this.#events.cutOff();
  }

  #apply(changes: readonly MembershipChange[]): void {
    for (const change of changes) {
      this.#say(change);
      this.#follow(change);
    }
  }

  #follow(change: MembershipChange): void {
    const { kind } = change;
    if (kind === "connected") this.#isolatedSinceMs = Number.POSITIVE_INFINITY;
    if (kind === "dead" || kind === "left") {
      this.#ready.delete(change.member.replicaId);
      this.#events.gone(change.member.replicaId, kind);
    } else if (kind === "joined") this.#events.returned(change.member.replicaId);
    else if (kind === "restarted") this.#events.restarted(change.member.replicaId);
    else if (kind === "fenced") this.#events.fenced(FENCED);
    else if (kind === "stale") this.#events.stale();
    else if (kind === "isolated" && this.#wasConnected) this.#isolatedSinceMs = this.#clock.nowMs();
    else if (kind === "paused" || kind === "connected") this.#events.renewed();
  }

  #say(change: MembershipChange): void {
    const fields = "member" in change ? change.member : { change: change.kind };
    // Every start begins without a connection; that one is not news.
    if (change.kind === "isolated" && !this.#wasConnected) return;
    const [level, text] = NEWS[change.kind];
    this.#log[level](fields, text);
  }
}

const FENCED =
  "another process runs with this replica's id and is newer; this one stops. Give each replica an id of its own with --replica-id";

const NEWS: Readonly<
  Record<MembershipChange["kind"], readonly ["info" | "warn" | "error", string]>
> = {
  joined: ["info", "a replica joined"],
  restarted: ["info", "a replica restarted"],
  suspect: ["warn", "a replica is silent; its instances stay as they are"],
  alive: ["info", "a replica is heard again"],
  dead: ["warn", "a replica is gone; its instances stay until their clients attach elsewhere"],
  left: ["info", "a replica said goodbye"],
  fenced: ["error", FENCED],
  duplicate: [
    "error",
    "another process runs with this replica's id; it is older and will stop. Give each replica an id of its own with --replica-id",
  ],
  isolated: ["warn", "this replica hears too few others: it judges nobody until that ends"],
  connected: ["info", "this replica hears enough others again"],
  stale: ["warn", "out of contact for over half an hour: what others own is loaded anew"],
  paused: ["warn", "this process stood still: everybody else gets new time"],
};
