import type { ServiceKey } from "../model/names.ts";
import type { InstanceRecord, RecordLeases } from "./record.ts";
import type { Registry } from "./registry.ts";
import type { ScopeCount, SelfPreservation } from "./self-preservation.ts";

/** How often leases are looked at. */
export const EXPIRY_INTERVAL_MS = 1_000;

/** A pause of more than three intervals was ours, not our clients'. */
const MAX_GAP_MS = 3 * EXPIRY_INTERVAL_MS;

/** Why silence may be no sign: this replica may not hear the one that a client speaks to now. */
export interface Doubt {
  /** Whether that Attach session is still open here. */
  readonly isAttached: (sessionId: string) => boolean;
}

/** Why a registration ends by itself: nobody renewed it, or nobody owns it and nothing listens there. */
export type ExpiryReason = "silent" | "refused";

/** How many ended in a round, by why. */
export type Expired = Readonly<Record<ExpiryReason, number>>;

/** When a round ran, on both clocks. */
export interface RoundTime {
  readonly nowMs: number;
  readonly wallMs: number;
}

/**
 * True when this process stood still (GC, SIGSTOP, suspend) between two rounds: whoever
 * seems silent may have spoken meanwhile. Monotonic time stops while a machine sleeps; wall
 * time does not, so both are asked. A step of the wall clock alone looks the same and costs
 * one lease of patience.
 */
export function wasPaused(last: RoundTime, now: RoundTime): boolean {
  return now.nowMs - last.nowMs > MAX_GAP_MS || now.wallMs - last.wallMs > MAX_GAP_MS;
}

/** Every lease runs anew from now, and evidence has to be found anew. */
export function rearmAll(registry: Registry, nowMs: number): void {
  registry.unowned.forgetEvidence();
  for (const group of registry.leases.groups()) group.heardAtMs = nowMs;
}

/**
 * One round: what is due goes, and what nobody owns and nothing answers for, unless so much is silent that
 * we are not believed.
 * @param doubt while given, silence ends nobody: only evidence does
 */
export function expireDue(
  registry: Registry,
  guard: SelfPreservation,
  time: RoundTime,
  doubt?: Doubt,
): Expired {
  const due = registry.leases.takeDue(time.nowMs);
  const condemned = registry.unowned.condemned();
  if (due.length + condemned.length === 0) {
    if (guard.frozenScopes().length > 0) review(registry, guard, [], time.nowMs);
    return { silent: 0, refused: 0 };
  }
  review(registry, guard, due, time.nowMs);
  const expired = { silent: 0, refused: 0 };
  const end = (record: InstanceRecord, reason: ExpiryReason): void => {
    if (expireOne(registry, guard, record, time)) expired[reason]++;
  };
  const look =
    doubt === undefined
      ? (record: InstanceRecord): void => end(record, "silent")
      : (record: InstanceRecord): void => keepInDoubt(registry, record, doubt, time.nowMs);
  for (const group of due) {
    group.members().forEach(look);
    // Kept members are looked at again in the next round; a beat makes them well at once.
    if (group.size > 0) registry.leases.add(group);
  }
  for (const record of condemned) end(record, "refused");
  return expired;
}

/** Its client may be at a replica that is not heard: nobody's, until it is heard of or nothing listens there. */
function keepInDoubt(
  registry: Registry,
  record: InstanceRecord,
  { isAttached }: Doubt,
  nowMs: number,
): void {
  // A client that is silent here would not be heard as anybody else's.
  if (!isAttached(record.group.sessionId)) registry.keepUnder(record, registry.unowned.group);
  registry.suspect(record, nowMs);
}

function expireOne(
  registry: Registry,
  guard: SelfPreservation,
  record: InstanceRecord,
  time: RoundTime,
): boolean {
  const { service } = record;
  const silentMs = record.isSuspect ? time.nowMs - record.suspectSinceMs : 0;
  const isLast = service.records.size === 1;
  if (!guard.mayExpire(service.key, isLast, silentMs, time.nowMs)) {
    registry.suspect(record, time.nowMs);
    return false;
  }
  registry.remove(record, "expired", time.nowMs, time.wallMs);
  guard.expired(service.key, time.nowMs);
  return true;
}

/** Counts who is overdue, so that the first of many silent instances is not lost before the rest is noticed. */
function review(
  registry: Registry,
  guard: SelfPreservation,
  due: readonly RecordLeases[],
  nowMs: number,
): void {
  const services = new Map<ServiceKey, { total: number; overdue: number }>();
  let overdue = 0;
  // Of what this replica owns: of the others it does not know who is silent.
  let total = registry.unowned.group.size;
  const isSilent = ({ service }: InstanceRecord): void => {
    overdue++;
    const scope = services.get(service.key);
    if (scope === undefined) services.set(service.key, { total: service.records.size, overdue: 1 });
    else scope.overdue++;
  };
  const count = (group: RecordLeases): void => {
    total += group.size;
    if (group.isOverdue(nowMs)) group.members().forEach(isSilent);
  };
  registry.unowned.condemned().forEach(isSilent);
  for (const group of due) count(group);
  for (const group of registry.leases.groups()) count(group);
  const fleet: ScopeCount = { total, overdue };
  guard.review(fleet, services, nowMs);
}
