import { isBefore, type OriginPosition } from "../../../core/discovery/seen-positions.ts";
import { FENCE_TTL_MS } from "../../../core/registry/fences.ts";
import type { InstanceRecord } from "../../../core/registry/record.ts";
import type { Origin } from "../../../core/replication/entry.ts";
import { isLive, type MemberState } from "../../../core/replication/member.ts";
import { DEAD_AFTER_MS } from "../../../core/replication/membership.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { PeerOrigin } from "./peer-origin.ts";

/** Others pull the copy of a dead replica from us meanwhile; then it would only bring back what is over. */
const FORGET_AFTER_MS = 60_000;

/** By then who was heard again has told what it adopted, and one that came meanwhile has the copy of the others. */
const ABANDON_AFTER_MS = 10_000;

/** `restarted`: its new life says nothing of these. */
export type AbsenceReason = "dead" | "left" | "restarted";

/** Who cares for registrations that nobody keeps. */
export interface OrphanCare {
  /** Again with records that it has already: their time goes on. */
  orphaned(records: Iterable<InstanceRecord>, reason: AbsenceReason): void;
  /** An owner is back. @param isKept those of its records that it still has */
  reclaimed(replicaId: string, isKept: (record: InstanceRecord) => boolean): void;
}

interface Absence {
  readonly reason: AbsenceReason;
  readonly sinceMs: number;
  /** When somebody else held them last, or was not heard. */
  heldAtMs: number;
  /** Epoch and sequence of the copy whose records were orphaned. */
  seen: string;
}

export interface AbsentOwnersOptions {
  readonly clock: Clock;
  readonly peers: ReadonlyMap<string, PeerOrigin>;
  /** `undefined` for a replica that this one knows from others only. */
  readonly stateOf: (replicaId: string) => MemberState | undefined;
  readonly care: OrphanCare;
  readonly forget: (replicaId: string) => void;
  /** False only when all others are heard, there are some, and none of them holds a copy of that life. */
  readonly isHeldElsewhere: (origin: Origin) => boolean;
}

/** Replicas that own records and do not live. */
export class AbsentOwners {
  readonly #options: AbsentOwnersOptions;
  readonly #absences = new Map<string, Absence>();
  #staleAtMs = Number.NEGATIVE_INFINITY;
  /** When replicas that do not speak to us were first told of here, or again. */
  readonly #strangers = new Map<string, number>();
  /** How far all of a replica was over: of what it told later, somebody who heard it tells. */
  readonly #over = new Map<string, OriginPosition>();

  constructor(options: AbsentOwnersOptions) {
    this.#options = options;
  }

  gone(replicaId: string, reason: AbsenceReason): void {
    const { clock, peers } = this.#options;
    const nowMs = clock.nowMs();
    this.#absences.set(replicaId, { reason, sinceMs: nowMs, heldAtMs: nowMs, seen: "" });
    const peer = peers.get(replicaId);
    if (peer === undefined) return;
    // What it said last reached perhaps only some of us: they compare their copies.
    peer.copy.reconnected(nowMs);
    this.#orphan(peer, replicaId);
  }

  /** This replica was out of contact for so long that others may have forgotten what ended meanwhile. */
  stale(): void {
    this.#staleAtMs = this.#options.clock.nowMs();
  }

  /** The same life is heard again. */
  returned(replicaId: string): void {
    if (this.#isBack(replicaId)) this.#reclaimed(replicaId);
  }

  /** A new life is heard: what it keeps of the former one is known when its records are here. */
  restarted(replicaId: string): void {
    this.#isBack(replicaId);
  }

  /** The records of a new life are here. */
  succeeded(replicaId: string, orphans: readonly InstanceRecord[]): void {
    const { care } = this.#options;
    // Until now all of the former one's, if it was gone; what earlier lives left stays nobody's.
    this.#reclaimed(replicaId);
    care.orphaned(orphans, "restarted");
  }

  /** Whether all until there was over when it was forgotten; `undefined` for a replica that was not. */
  isOver(position: OriginPosition): boolean | undefined {
    const over = this.#over.get(position.replicaId);
    return over && !isBefore(over, position);
  }

  /** Each second. */
  tick(): void {
    const { clock, peers, stateOf, forget, isHeldElsewhere } = this.#options;
    const nowMs = clock.nowMs();
    for (const [replicaId, peer] of peers) {
      if (!isLive(stateOf(replicaId))) this.#meetStranger(replicaId, nowMs);
      const absence = this.#absences.get(replicaId);
      if (absence === undefined) continue;
      this.#orphan(peer, replicaId);
      if (!this.#wasAway || isHeldElsewhere(peer.copy.origin)) absence.heldAtMs = nowMs;
      if (nowMs - absence.heldAtMs >= ABANDON_AFTER_MS) peer.abandon();
      if (peer.ownedCount > 0 || nowMs - absence.sinceMs < FORGET_AFTER_MS) continue;
      this.#over.set(replicaId, { ...peer.copy.origin, sequence: peer.copy.seq });
      this.#absences.delete(replicaId);
      this.#strangers.delete(replicaId);
      forget(replicaId);
    }
  }

  #reclaimed(replicaId: string): void {
    const { care, peers } = this.#options;
    care.reclaimed(replicaId, (record) => peers.get(replicaId)?.holds(record) === true);
  }

  /** Else what others decided comes back as a fence. */
  get #wasAway(): boolean {
    return this.#options.clock.nowMs() - this.#staleAtMs < FENCE_TTL_MS;
  }

  #isBack(replicaId: string): boolean {
    this.#over.delete(replicaId);
    this.#strangers.delete(replicaId);
    return this.#absences.delete(replicaId);
  }

  /** Died before we came, or after all that we knew of it was over: others hold its records. */
  #meetStranger(replicaId: string, nowMs: number): void {
    const sinceMs = this.#strangers.get(replicaId) ?? nowMs;
    this.#strangers.set(replicaId, sinceMs);
    const isDead = nowMs - sinceMs >= DEAD_AFTER_MS && !this.#absences.has(replicaId);
    if (isDead) this.gone(replicaId, "dead");
  }

  /** Also what arrived after it was gone. */
  #orphan({ copy, owned }: PeerOrigin, replicaId: string): void {
    const absence = this.#absences.get(replicaId);
    // All others are done with it, and have forgotten why: what is left here is not adopted.
    if (this.#wasAway && !this.#options.isHeldElsewhere(copy.origin)) return;
    const seen = `${copy.origin.epoch}/${copy.seq}`;
    if (absence === undefined || absence.seen === seen) return;
    absence.seen = seen;
    this.#options.care.orphaned(owned, absence.reason);
  }
}
