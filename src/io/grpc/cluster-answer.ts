import type { Agreement } from "../../core/replication/beat-check.ts";
import type { MemberState as CoreMemberState } from "../../core/replication/member.ts";
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
import type { ClusterMember, ReplicaIdentity as Identity } from "../../ports/cluster-view.ts";
import type { ClusterStatus } from "../../ports/registry-service.ts";
import { msToDuration } from "../wire/duration.ts";

/** The cluster in the API's words; `undefined` is a server that runs alone. */
export function clusterToWire(cluster: ClusterStatus | undefined): ListMembersResponse {
  if (cluster === undefined) {
    const identity = ReplicaIdentity.REPLICA_IDENTITY_SOLE;
    const none = { garbageCount: 0n, orphanCount: 0, unownedCount: 0, leader: "" };
    return { cluster: "", members: [], bus: undefined, synced: true, ...none, identity };
  }
  return {
    cluster: cluster.name,
    members: cluster.members.map(memberToWire),
    bus: busToWire(cluster),
    synced: cluster.isSynced,
    garbageCount: BigInt(cluster.garbageCount),
    identity: IDENTITIES[cluster.identity],
    orphanCount: cluster.orphans.orphans,
    unownedCount: cluster.orphans.unowned,
    leader: cluster.leader,
  };
}

function memberToWire(member: ClusterMember): Member {
  const { id, address, softwareVersion, flags, progress } = member;
  return {
    id,
    self: member.isSelf,
    state: STATES[member.state],
    epoch: BigInt(member.epoch),
    sequence: BigInt(member.seq),
    lag: BigInt(member.lag),
    pulling: progress?.isPulling ?? false,
    digest: AGREEMENTS[member.agreement],
    clockOffset: msToDuration(member.clockOffsetMs),
    address,
    softwareVersion,
    settled: flags.isSettled,
    isolated: flags.isIsolated,
    leaving: flags.isLeaving,
    instanceCount: member.ownedCount,
    quarantinedCount: member.quarantinedCount,
    silent: msToDuration(member.silentMs),
    mismatchCount: progress?.mismatchCount ?? 0,
    gapCount: progress?.gapCount ?? 0,
  };
}

function busToWire({ bus, busForMs }: ClusterStatus): BusStatus {
  const { isConnected, server, serverName, maxPayloadBytes, rttMs, lastProblem, denied } = bus;
  return {
    connected: isConnected,
    server,
    serverName,
    since: msToDuration(busForMs),
    maxPayloadBytes,
    rtt: rttMs === undefined ? undefined : msToDuration(rttMs),
    reconnectCount: bus.reconnectCount,
    droppedCount: BigInt(bus.droppedCount),
    lastProblem: lastProblem?.message ?? "",
    lastProblemKind:
      lastProblem === undefined ? BusProblem.BUS_PROBLEM_UNSPECIFIED : PROBLEMS[lastProblem.kind],
    denied: denied.map(({ operation, subject, fix }) => ({ operation, subject, fix })),
  };
}

const STATES: Readonly<Record<CoreMemberState, MemberState>> = {
  alive: MemberState.MEMBER_STATE_ALIVE,
  suspect: MemberState.MEMBER_STATE_SUSPECT,
  dead: MemberState.MEMBER_STATE_DEAD,
  left: MemberState.MEMBER_STATE_LEFT,
};

const AGREEMENTS: Readonly<Record<Agreement, DigestAgreement>> = {
  unknown: DigestAgreement.DIGEST_AGREEMENT_UNSPECIFIED,
  agrees: DigestAgreement.DIGEST_AGREEMENT_AGREES,
  differs: DigestAgreement.DIGEST_AGREEMENT_DIFFERS,
  behind: DigestAgreement.DIGEST_AGREEMENT_BEHIND,
};

const IDENTITIES: Readonly<Record<Identity, ReplicaIdentity>> = {
  sole: ReplicaIdentity.REPLICA_IDENTITY_SOLE,
  duplicate: ReplicaIdentity.REPLICA_IDENTITY_DUPLICATE,
  fenced: ReplicaIdentity.REPLICA_IDENTITY_FENCED,
};

const PROBLEMS: Readonly<Record<BusProblemKind, BusProblem>> = {
  unreachable: BusProblem.BUS_PROBLEM_UNREACHABLE,
  tls: BusProblem.BUS_PROBLEM_TLS,
  auth: BusProblem.BUS_PROBLEM_AUTH,
  permission: BusProblem.BUS_PROBLEM_PERMISSION,
  overload: BusProblem.BUS_PROBLEM_OVERLOAD,
  protocol: BusProblem.BUS_PROBLEM_PROTOCOL,
};
