import type { BusSummary, ClusterSummary, MemberSummary } from "../../../src/ports/cluster-api.ts";

/** A replica that lives and is in step. */
export function aMember(of: Partial<MemberSummary> = {}): MemberSummary {
  return {
    id: "two",
    isSelf: false,
    state: "alive",
    epoch: 7,
    sequence: 40,
    lag: 0,
    isPulling: false,
    digest: "agrees",
    clockOffsetMs: 3,
    address: "10.0.0.2:7400",
    softwareVersion: "1.0.0",
    isSettled: true,
    isIsolated: false,
    isLeaving: false,
    instanceCount: 12,
    quarantinedCount: 0,
    silentMs: 400,
    mismatchCount: 0,
    gapCount: 0,
    ...of,
  };
}

export function aBus(of: Partial<BusSummary> = {}): BusSummary {
  return {
    isConnected: true,
    server: "nats://10.0.0.9:4222",
    serverName: "n1",
    forMs: 180_000,
    maxPayloadBytes: 1_048_576,
    rttMs: 0.4,
    reconnectCount: 0,
    droppedCount: 0,
    lastProblem: "",
    lastProblemKind: undefined,
    denied: [],
    ...of,
  };
}

/** Two replicas that agree, as the first of them sees them. */
export function aCluster(of: Partial<ClusterSummary> = {}): ClusterSummary {
  return {
    name: "weir",
    members: [
      aMember({ id: "one", isSelf: true, address: "10.0.0.1:7400", clockOffsetMs: 0, silentMs: 0 }),
      aMember(),
    ],
    bus: aBus(),
    isSynced: true,
    garbageCount: 0,
    identity: "sole",
    orphanCount: 0,
    unownedCount: 0,
    leader: "one",
    ...of,
  };
}
