/** Three missed renewals at 5 s, so that one lost packet or one long GC pause removes nobody. */
export const DEFAULT_LEASE_MS = 15_000;

/** How often a client renews a lease of `leaseMs`: a third of it. */
export function renewIntervalMs(leaseMs: number): number {
  return Math.max(1_000, Math.floor(leaseMs / 3));
}

/** Somebody with a lease. Belongs to the group that it names, until it is gone. */
interface Leaseholder {
  readonly group: unknown;
  readonly isGone: boolean;
}

/** A list is cleaned when it is so many times as long as the group is large, and at least so long. */
const MAX_LISTED_PER_MEMBER = 4;
const MIN_CLEANED = 32;

/**
 * Leases of one length that one client keeps: a session renews thousands of instances by
 * touching one number. Leases run from the last message heard, never from the connection.
 */
export class LeaseGroup<Member extends Leaseholder> {
  readonly leaseMs: number;
  /** The Attach session that keeps it; empty for unary registrations. */
  readonly sessionId: string;
  /**
   * The replica whose registrations these are; empty for our own. Those of others never enter
   * the wheel: only their owner knows whether they are alive.
   */
  readonly ownerId: string;
  heardAtMs: number;
  /** True while a member may be suspect, so that an ordinary beat need not look at members. */
  hasSuspects = false;
  /**
   * Members, and some who left: whoever attaches elsewhere is not searched for here. Somebody who
   * came back stands here twice.
   */
  #listed: Member[] = [];
  #size = 0;

  constructor(leaseMs: number, sessionId: string, nowMs: number, ownerId = "") {
    this.leaseMs = leaseMs;
    this.sessionId = sessionId;
    this.ownerId = ownerId;
    this.heardAtMs = nowMs;
  }

  get size(): number {
    return this.#size;
  }

  /** A copy, so that members may leave while it is read. */
  members(): Member[] {
    return [...new Set(this.#listed)].filter((member) => member.group === this && !member.isGone);
  }

  /** Takes in a member that names this group from now on. */
  add(member: Member): void {
    this.#size++;
    if (this.#size === 1) this.#listed = [member];
    else this.#listed.push(member);
    const limit = MAX_LISTED_PER_MEMBER * this.#size + MIN_CLEANED;
    if (this.#listed.length > limit) this.#listed = this.members();
  }

  /** A member is gone, or names another group from now on. */
  left(): void {
    this.#size--;
    if (this.#size === 0) this.#listed = [];
  }

  get dueAtMs(): number {
    return this.heardAtMs + this.leaseMs;
  }

  /** Silent for two thirds of the lease: two renewals are missing. */
  isOverdue(nowMs: number): boolean {
    return nowMs - this.heardAtMs > (this.leaseMs * 2) / 3;
  }
}

/** Whole seconds: a lease may end up to one second late, never early. */
const SLOT_MS = 1_000;

/**
 * Finds the groups that are due without looking at the others: a hashed timing wheel whose
 * slots are re-checked lazily, so that a renewal costs nothing here.
 * Source: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987.
 */
export class LeaseWheel<Member extends Leaseholder> {
  readonly #slots = new Map<number, LeaseGroup<Member>[]>();
  #nextSlot: number | undefined;

  add(group: LeaseGroup<Member>): void {
    this.#insert(group, Math.ceil(group.dueAtMs / SLOT_MS));
  }

  /** Groups whose lease ran out by `nowMs`. The caller adds a group again that still has members. */
  takeDue(nowMs: number): LeaseGroup<Member>[] {
    const due: LeaseGroup<Member>[] = [];
    const lastSlot = Math.floor(nowMs / SLOT_MS);
    for (let slot = this.#nextSlot ?? lastSlot; slot <= lastSlot; slot++) {
      const groups = this.#slots.get(slot);
      if (groups === undefined) continue;
      this.#slots.delete(slot);
      for (const group of groups) {
        if (group.size === 0) continue;
        if (group.dueAtMs <= nowMs) due.push(group);
        else this.#insert(group, Math.max(lastSlot + 1, Math.ceil(group.dueAtMs / SLOT_MS)));
      }
    }
    this.#nextSlot = lastSlot + 1;
    return due;
  }

  *groups(): Iterable<LeaseGroup<Member>> {
    for (const groups of this.#slots.values()) yield* groups;
  }

  #insert(group: LeaseGroup<Member>, slot: number): void {
    const at = Math.max(slot, this.#nextSlot ?? slot);
    const groups = this.#slots.get(at);
    if (groups === undefined) this.#slots.set(at, [group]);
    else groups.push(group);
    if (this.#nextSlot === undefined || at < this.#nextSlot) this.#nextSlot = at;
  }
}
