import type { PendingKind } from "../../core/discovery/drain-barrier.ts";
import { PendingReason } from "../../gen/weir/v1/registry.ts";

const REASONS: Readonly<Record<PendingKind, PendingReason>> = {
  "not-acknowledged": PendingReason.PENDING_REASON_NOT_ACKNOWLEDGED,
  "in-flight": PendingReason.PENDING_REASON_IN_FLIGHT,
  disconnected: PendingReason.PENDING_REASON_DISCONNECTED,
  "not-settled": PendingReason.PENDING_REASON_NOT_SETTLED,
  "last-endpoint": PendingReason.PENDING_REASON_LAST_ENDPOINT,
  "replica-unreachable": PendingReason.PENDING_REASON_REPLICA_UNREACHABLE,
};

const KINDS = new Map<PendingReason, PendingKind>(
  Object.entries(REASONS).map(([kind, reason]) => [reason, kind as PendingKind]),
);

export function pendingReasonToWire(kind: PendingKind): PendingReason {
  return REASONS[kind];
}

/** @returns `undefined` for a reason that a newer server gave */
export function pendingReasonFromWire(reason: PendingReason): PendingKind | undefined {
  return KINDS.get(reason);
}
