import { isLive, type MemberState, type MemberView } from "./member.ts";

/** Another replica, by everything that is known of it. */
export interface KnownReplica {
  readonly replicaId: string;
  /** `unheard`: others hear it, and this replica never did. */
  readonly state: MemberState | "unheard";
  /** Since anybody heard it last. */
  readonly silentMs: number;
}

/**
 * All other replicas, also those that only another one hears: a cut between two says nothing of their
 * clients, and whoever waits for all clients must not take a replica for gone that is merely out of reach.
 */
export function knownReplicas(members: readonly MemberView[], selfId: string): KnownReplica[] {
  const known = new Map<string, KnownReplica>();
  for (const { origin, state, silentMs } of members) {
    known.set(origin.replicaId, { replicaId: origin.replicaId, state, silentMs });
  }
  for (const { state, silentMs, applied } of members) {
    if (!isLive(state)) continue;
    for (const { replicaId, silentMs: unheardMs } of applied) {
      if (replicaId === selfId) continue;
      const former = known.get(replicaId);
      const sinceMs = silentMs + unheardMs;
      if (former !== undefined && former.silentMs <= sinceMs) continue;
      known.set(replicaId, { replicaId, state: former?.state ?? "unheard", silentMs: sinceMs });
    }
  }
  return [...known.values()];
}
