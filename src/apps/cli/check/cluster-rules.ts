import type { ClusterSummary, MemberSummary } from "../../../ports/cluster-api.ts";
import { formatDuration } from "../duration.ts";
import { hostOf } from "./connection-rules.ts";
import type { CheckFacts } from "./facts.ts";
import { type Found, onlyIf, type Rule, someOf, weir } from "./rule.ts";
import { isThisMachine } from "./this-machine.ts";

/** Logs of replicas contradict each other. */
const CLOCK_WARNING_MS = 1_000;

/** From here on records of the one that is ahead are refused. */
const CLOCK_ERROR_MS = 5_000;

/** More than a busy second: it does not catch up by itself at once. */
const FAR_BEHIND = 1_000;

type ClusterCheck = (cluster: ClusterSummary, facts: CheckFacts) => Found[];

/** A rule about the replicas; a server that runs alone has nobody to judge. */
function ofCluster(find: ClusterCheck): Rule["find"] {
  return (facts) =>
    facts.cluster && (facts.cluster.members.length === 0 ? [] : find(facts.cluster, facts));
}

/** Once for each of the other replicas that the check is about. */
function ofOthers(
  find: (member: MemberSummary, facts: CheckFacts) => Omit<Found, "subject"> | undefined,
): Rule["find"] {
  return ofCluster(({ members }, facts) =>
    members.flatMap((member) => {
      const found = member.isSelf ? undefined : find(member, facts);
      return found === undefined ? [] : [{ subject: `replica ${member.id}`, ...found }];
    }),
  );
}

const isLive = ({ state }: MemberSummary): boolean => state === "alive" || state === "suspect";

export const CLUSTER_RULES: readonly Rule[] = [
  {
    id: "replica-id-twice",
    severity: "error",
    title: "Two processes run with the same replica id",
    why: "Each takes the other's changes for its own; the newer one stays, and the older one stops.",
    find: ofCluster(({ identity, members }) => {
      const id = members.find(({ isSelf }) => isSelf)?.id ?? "";
      return onlyIf(identity !== "sole", () => ({
        subject: `replica ${id}`,
        what: `Another process calls itself ${id} and is ${identity === "fenced" ? "newer" : "older"}.`,
        fix: `weir server --replica-id ${id}-2    # another id for each; without the flag it is the host's name`,
      }));
    }),
  },
  {
    id: "cluster-isolated",
    severity: "error",
    title: "A replica hears too few of the others to judge anybody",
    why: "It keeps everybody's instances, also of those that are gone, and its agents miss what changes elsewhere.",
    find: ofCluster(({ members, bus }) =>
      members
        .filter(({ isSelf, isIsolated }) => isIsolated && (!isSelf || bus?.isConnected === true))
        .filter(isLive)
        .map(({ id, address }) => ({
          subject: `replica ${id}`,
          what: "It is isolated: more than half of the replicas that it knows are silent.",
          fix: `weir members --server ${address || "HOST:PORT"}    # whom does it miss? look whether all NATS servers know each other: nats server list`,
        })),
    ),
  },
  {
    id: "cluster-alone",
    severity: "warning",
    title: "The control plane has NATS and no other replica",
    why: "When it is lost, nobody can register, drain or leave until it is back.",
    find: ofCluster(({ members, name, bus }) =>
      onlyIf(bus?.isConnected === true && members.filter(isLive).length === 1, () => ({
        subject: `cluster ${name}`,
        what: "No other replica is heard.",
        fix: `weir server --cluster ${name} --nats ${bus?.server ?? ""} --replica-id ID --advertise HOST:PORT    # on two more machines`,
      })),
    ),
  },
  {
    id: "member-dead",
    severity: "error",
    title: "A replica is gone without a goodbye",
    why: "Its clients have to come to the others, and one failure more may be too much.",
    find: ofOthers(({ state, silentMs, address }) =>
      state !== "dead"
        ? undefined
        : {
            what: `It was last heard ${formatDuration(silentMs)} ago.`,
            fix: `systemctl restart weir-server    # on the machine of ${address || "that replica"}; if it is gone for good it is forgotten after a day`,
          },
    ),
  },
  {
    id: "member-suspect",
    severity: "warning",
    title: "A replica is silent for more than 5 s",
    why: "After 15 s the others take over what it owned; its agents may miss what changes elsewhere.",
    find: ofOthers(({ state, silentMs, address }, facts) =>
      // Whoever has lost the bus hears nobody: that is another finding.
      state !== "suspect" || facts.cluster?.bus?.isConnected !== true
        ? undefined
        : {
            what: `It was last heard ${formatDuration(silentMs)} ago.`,
            fix: `${weir(facts, "check --wait 60s")}    # a pause passes; else look at it: weir check --server ${address || "HOST:PORT"}`,
          },
    ),
  },
  {
    id: "member-digest",
    severity: "error",
    title: "Two replicas hold different records of the same changes",
    why: "Agents of one of them see a wrong list, until the difference is repaired: within seconds.",
    find: ofOthers((member, facts) =>
      !isLive(member) || member.digest !== "differs"
        ? undefined
        : {
            what: `Its digest is another one than that of the copy here, at sequence ${member.sequence}.`,
            fix: `${weir(facts, "check --wait 60s")}    # it repairs itself; if this stays, restart one of both and report it`,
          },
    ),
  },
  {
    id: "member-behind",
    severity: "warning",
    title: "The control plane is far behind another replica",
    why: "Its agents are told late of what registers and leaves there.",
    find: ofOthers((member, facts) =>
      !isLive(member) || member.lag < FAR_BEHIND
        ? undefined
        : {
            what: `${member.lag} of its changes are missing here.`,
            fix: `${weir(facts, "members")}    # LAG should shrink; else look for nats-slow, nats-overload and event-loop-lag`,
          },
    ),
  },
  {
    id: "member-clock",
    severity: "warning",
    title: "The clocks of two replicas differ by more than 1 s (error: 5 s)",
    why: "Logs tell the wrong order; records of a replica whose clock is more than 5 s ahead are refused.",
    find: ofOthers((member) => {
      const { clockOffsetMs } = member;
      const offMs = Math.abs(clockOffsetMs);
      if (!isLive(member) || offMs <= CLOCK_WARNING_MS) return undefined;
      return {
        severity: offMs > CLOCK_ERROR_MS ? "error" : "warning",
        what: `Its clock is ${formatDuration(offMs)} ${clockOffsetMs > 0 ? "ahead of" : "behind"} this replica's.`,
        fix: "timedatectl set-ntp true    # on both machines; `chronyc tracking` says which one is wrong",
      };
    }),
  },
  {
    id: "member-refused",
    severity: "error",
    title: "Records of a replica are refused, because their time lies in the future",
    why: "Its instances are unknown here, and to this replica's agents.",
    find: ofOthers(({ quarantinedCount, address }) =>
      quarantinedCount === 0
        ? undefined
        : {
            what: `${quarantinedCount} of its records were refused here.`,
            fix: `timedatectl set-ntp true    # on the machine of ${address || "that replica"}; then restart the server there`,
          },
    ),
  },
  {
    id: "member-version-skew",
    severity: "warning",
    title: "Replicas are of different versions",
    why: "One minor release apart works, for an upgrade; what the older one does not know it keeps and passes on unread.",
    find: ofOthers((member, { server }) =>
      !isLive(member) || server === undefined || member.softwareVersion === server.softwareVersion
        ? undefined
        : {
            what: `It runs ${member.softwareVersion}; the one that was asked runs ${server.softwareVersion}.`,
            fix: `npm install -g weir-mesh@${newerOf(member.softwareVersion, server.softwareVersion)}    # where the older one runs; then restart it`,
          },
    ),
  },
  {
    id: "advertise-missing",
    severity: "warning",
    title: "A replica does not say where it is reached",
    why: "Agents and clients are not told of it: none of them goes there when another replica fails.",
    find: ofCluster(({ members }) =>
      members
        .filter((member) => isLive(member) && member.address === "")
        .map(({ id }) => ({
          subject: `replica ${id}`,
          what: "It was started without --advertise.",
          fix: "weir server --advertise HOST:7400    # as agents reach it",
        })),
    ),
  },
  {
    id: "advertise-loopback",
    severity: "error",
    title: "A replica advertises a loopback address while others are elsewhere",
    why: "Agents are sent to their own machine, find nobody there, and have one replica less to go to.",
    find: ofCluster(({ members }, { agents = [] }) => {
      const live = members.filter((member) => isLive(member) && member.address !== "");
      const [local, far] = [live.filter(isLocal), live.filter((member) => !isLocal(member))];
      const agent = agents.find(({ peer }) => peer !== "" && !isThisMachine(hostOf(peer)));
      const elsewhere = far[0]?.address ?? agent?.peer;
      if (elsewhere === undefined) return [];
      return local.map(({ id, address }) => ({
        subject: `replica ${id}`,
        what: `It advertises ${address}, but ${far[0] === undefined ? `agent ${agent?.id} connects from` : `replica ${far[0].id} is at`} ${elsewhere}.`,
        fix: "weir server --advertise ADDRESS-OF-ITS-MACHINE:7400",
      }));
    }),
  },
  {
    id: "advertise-twice",
    severity: "error",
    title: "Two replicas advertise the same address",
    why: "Agents that leave the one come back to it, and the other one is never found.",
    find: ofCluster(({ members }) => {
      const byAddress = new Map<string, string[]>();
      for (const { id, address } of members.filter(isLive)) {
        if (address !== "") byAddress.set(address, [...(byAddress.get(address) ?? []), id]);
      }
      return [...byAddress]
        .filter(([, ids]) => ids.length > 1)
        .map(([address, ids]) => ({
          subject: address,
          what: `Replicas ${someOf(ids)} all say that they are reached at ${address}.`,
          fix: "weir server --advertise HOST:PORT    # its own for each",
        }));
    }),
  },
];

const isLocal = ({ address }: MemberSummary): boolean => isThisMachine(hostOf(address));

/** By their numbers; what is no number is no version to install. */
function newerOf(a: string, b: string): string {
  return a.localeCompare(b, "en", { numeric: true }) > 0 ? a : b;
}
