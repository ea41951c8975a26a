import type { AgentSummary } from "../../../ports/control-plane-api.ts";
import { formatDuration } from "../duration.ts";
import type { CheckFacts } from "./facts.ts";
import { type Found, onlyIf, type Rule, someOf, weir } from "./rule.ts";

/** An ACK comes within 100 ms; only an agent that hangs, or a bad network, takes longer than this. */
const STALE_AFTER_MS = 5_000;

function ofAgents(
  find: (agents: readonly AgentSummary[], facts: CheckFacts) => readonly Found[],
): Rule["find"] {
  return (facts) => facts.agents && find(facts.agents, facts);
}

const nameOf = ({ id }: AgentSummary): string => `agent ${id}`;

/** What programs say that do not know their version. */
const isKnown = (version: string): boolean => /^\d/.test(version);

export const FLEET_RULES: readonly Rule[] = [
  {
    id: "agent-rejects",
    severity: "error",
    title: "An agent rejects what it is told (NACK)",
    why: "It keeps what it had of those endpoints and sends requests by an old list, also to instances that are gone.",
    find: ofAgents((agents, facts) =>
      agents
        .filter(({ state }) => state === "nacked")
        .map((agent) => ({
          subject: nameOf(agent),
          what: `It rejected an update: ${agent.lastRejection}.`,
          fix: `${weir(facts, "evict SERVICE INSTANCE")}    # the one that it names, if its registration is wrong; else update the agent on ${agent.peer}`,
        })),
    ),
  },
  {
    id: "agent-stale",
    severity: "warning",
    title: "An agent has not acknowledged an update for more than 5 s",
    why: "It may send requests to instances that have left, and drains wait for it.",
    find: ofAgents((agents) =>
      agents
        .filter(
          // A person who watches may read slowly: no request and no drain depends on that.
          ({ role, state, lagMs }) =>
            role === "data-plane" && state === "stale" && lagMs > STALE_AFTER_MS,
        )
        .map((agent) => ({
          subject: nameOf(agent),
          what: `It is ${formatDuration(agent.lagMs)} behind; after 30 s its stream is cut.`,
          fix: `top -H    # on ${agent.peer}: does it hang? restart it: systemctl restart weir-agent`,
        })),
    ),
  },
  {
    id: "agent-holds",
    severity: "warning",
    title: "An agent holds endpoints that the settled control plane does not list",
    why: "They were never said to be gone; whoever of them is gone costs a failed attempt until the agent lets go.",
    find: (facts) => {
      if (facts.agents === undefined || facts.server === undefined) return undefined;
      if (!facts.server.isSettled) return [];
      return facts.agents
        .filter(({ state }) => state === "held")
        .map((agent) => ({
          subject: nameOf(agent),
          what: "It holds endpoints that the control plane does not list.",
          fix: `curl -s http://127.0.0.1:15000/endpoints    # on ${agent.peer}: heldEndpoints says of which service; restart that agent if they are gone`,
        }));
    },
  },
  {
    id: "agent-disconnected",
    severity: "warning",
    title: "An agent lost its connection less than 30 s ago",
    why: "It serves on from what it knows, but drains wait for it, and it learns nothing new.",
    find: ofAgents((agents) =>
      agents
        .filter(({ state }) => state === "disconnected")
        .map((agent) => ({
          subject: nameOf(agent),
          what: `Its stream from ${agent.peer} broke ${formatDuration(agent.lagMs)} ago and it is not back.`,
          fix: "weir check --agent 127.0.0.1:15000    # on its machine; if it is gone for good, drains forget it after 30 s",
        })),
    ),
  },
  {
    id: "agent-id-twice",
    severity: "error",
    title: "Two agents have the same id",
    why: "Their acknowledgements are taken for each other's: a drain may be called SAFE while one of them still sends.",
    find: ofAgents((agents) => {
      const peers = new Map<string, string[]>();
      for (const { id, peer, role, state } of agents) {
        if (role !== "data-plane" || state === "disconnected") continue;
        peers.set(id, [...(peers.get(id) ?? []), peer]);
      }
      return [...peers]
        .filter(([, those]) => those.length > 1)
        .map(([id, those]) => ({
          subject: `agent ${id}`,
          what: `${those.length} agents call themselves ${id}: from ${someOf(those)}.`,
          fix: `weir agent --id ${id}-2    # another id for each; without --id it is made of host and port`,
        }));
    }),
  },
  {
    id: "version-skew",
    severity: "warning",
    title: "Agents or this program are of another version than the control plane",
    why: "Versions of one minor release work together; others may lack calls, and what one of them does not know it ignores.",
    find: (facts) => {
      const { server, agents, cliVersion } = facts;
      if (server === undefined) return undefined;
      const mine = server.softwareVersion;
      const others = new Map<string, string[]>();
      const note = (version: string, who: string): void => {
        if (version === mine || !isKnown(version) || !isKnown(mine)) return;
        others.set(version, [...(others.get(version) ?? []), who]);
      };
      note(cliVersion, "this program");
      for (const { id, softwareVersion } of agents ?? []) note(softwareVersion, `agent ${id}`);
      return [...others].map(([version, who]) => ({
        subject: someOf(who),
        what: `Version ${version}; the control plane has ${mine}.`,
        fix: `npm install -g weir-mesh@${mine}    # where they run; then restart them. Servers first, agents after`,
      }));
    },
  },
  {
    id: "no-agents",
    severity: "info",
    title: "No agent or library is connected",
    why: "Registered instances get no request through the mesh.",
    find: ofAgents((agents, facts) =>
      onlyIf(
        // Agents of other replicas are not listed here.
        agents.every(({ role }) => role !== "data-plane") && !hasOthers(facts),
        () => ({
          subject: "agents",
          what: "No agent watches this control plane.",
          fix: `weir agent --control-plane ${facts.target.address}`,
        }),
      ),
    ),
  },
];

function hasOthers({ cluster }: CheckFacts): boolean {
  return cluster?.members.some(({ isSelf }) => !isSelf) ?? false;
}
