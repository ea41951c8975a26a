import {
  BusProblem,
  type BusStatus,
  DigestAgreement,
  type ListMembersResponse,
  type Member,
  MemberState,
  ReplicaIdentity,
} from "../../gen/weir/v1/admin.ts";
import type { BusProblemKind } from "../../ports/bus.ts";
import type { BusSummary, ClusterSummary, MemberSummary } from "../../ports/cluster-api.ts";
import { durationToMs } from "../wire/duration.ts";

/** The API's answer about the cluster in the port's words. */
export function clusterSummary(response: ListMembersResponse): ClusterSummary {
  return {
    name: response.cluster,
    members: response.members.map(memberSummary),
    bus: response.bus && busSummary(response.bus),
    isSynced: response.synced,
    garbageCount: Number(response.garbageCount),
    identity: IDENTITIES[response.identity] ?? "sole",
    orphanCount: response.orphanCount,
    unownedCount: response.unownedCount,
    leader: response.leader,
  };
}

function memberSummary(member: Member): MemberSummary {
  return {
    id: member.id,
    isSelf: member.self,
    state: STATES[member.state] ?? "unknown",
    epoch: Number(member.epoch),
    sequence: Number(member.sequence),
    lag: Number(member.lag),
    isPulling: member.pulling,
    digest: AGREEMENTS[member.digest] ?? "unknown",
    clockOffsetMs: durationToMs(member.clockOffset) ?? 0,
    address: member.address,
    softwareVersion: member.softwareVersion,
    isSettled: member.settled,
    isIsolated: member.isolated,
    isLeaving: member.leaving,
    instanceCount: member.instanceCount,
    quarantinedCount: member.quarantinedCount,
    silentMs: durationToMs(member.silent) ?? 0,
    mismatchCount: member.mismatchCount,
    gapCount: member.gapCount,
  };
}

function busSummary(bus: BusStatus): BusSummary {
  const hasProblem = bus.lastProblemKind !== BusProblem.BUS_PROBLEM_UNSPECIFIED;
  return {
    isConnected: bus.connected,
    server: bus.server,
    serverName: bus.serverName,
    forMs: durationToMs(bus.since) ?? 0,
    maxPayloadBytes: bus.maxPayloadBytes,
    rttMs: durationToMs(bus.rtt),
    reconnectCount: bus.reconnectCount,
    droppedCount: Number(bus.droppedCount),
    lastProblem: bus.lastProblem,
    lastProblemKind: hasProblem ? (PROBLEMS[bus.lastProblemKind] ?? "unknown") : undefined,
    denied: bus.denied.map(({ operation, subject, fix }) => ({
      operation: operation === "publish" ? "publish" : "subscribe",
      subject,
      fix,
    })),
  };
}

const STATES: Readonly<Partial<Record<MemberState, MemberSummary["state"]>>> = {
  [MemberState.MEMBER_STATE_ALIVE]: "alive",
  [MemberState.MEMBER_STATE_SUSPECT]: "suspect",
  [MemberState.MEMBER_STATE_DEAD]: "dead",
  [MemberState.MEMBER_STATE_LEFT]: "left",
};

const AGREEMENTS: Readonly<Partial<Record<DigestAgreement, MemberSummary["digest"]>>> = {
  [DigestAgreement.DIGEST_AGREEMENT_AGREES]: "agrees",
  [DigestAgreement.DIGEST_AGREEMENT_DIFFERS]: "differs",
  [DigestAgreement.DIGEST_AGREEMENT_BEHIND]: "behind",
};

const IDENTITIES: Readonly<Partial<Record<ReplicaIdentity, ClusterSummary["identity"]>>> = {
  [ReplicaIdentity.REPLICA_IDENTITY_DUPLICATE]: "duplicate",
  [ReplicaIdentity.REPLICA_IDENTITY_FENCED]: "fenced",
};

const PROBLEMS: Readonly<Partial<Record<BusProblem, BusProblemKind>>> = {
  [BusProblem.BUS_PROBLEM_UNREACHABLE]: "unreachable",
  [BusProblem.BUS_PROBLEM_TLS]: "tls",
  [BusProblem.BUS_PROBLEM_AUTH]: "auth",
  [BusProblem.BUS_PROBLEM_PERMISSION]: "permission",
  [BusProblem.BUS_PROBLEM_OVERLOAD]: "overload",
  [BusProblem.BUS_PROBLEM_PROTOCOL]: "protocol",
};
