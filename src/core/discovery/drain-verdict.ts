import type { PendingAnswer } from "../replication/calls.ts";
import { MAX_NAMED_AGENTS } from "../replication/calls.ts";
import type { KnownReplica } from "../replication/hearsay.ts";
import { isLive } from "../replication/member.ts";
import { LOST_AGENT_MS, type PendingAgent } from "./drain-barrier.ts";

/** A replica beat up to so long before it fell silent. */
const LAST_BEAT_MS = 1_000;

/** Another replica, and what it last said of a drain. */
export interface PeerReport extends KnownReplica {
  /** What it answered last; else why there is no answer. */
  readonly answer: PendingAnswer | string;
}

/** What all replicas together say of a drain. */
export interface DrainVerdict {
  /** Empty when the process may be killed. */
  readonly pending: readonly PendingAgent[];
  readonly agentCount: number;
  /** Agents that some replica lost: the others are asked whether they are back. */
  readonly lostAgentIds: readonly string[];
}

/**
 * Joins what each replica says of its agents. An agent that broke off at one replica and is back at
 * another one counts there. Who does not answer may have agents that still send: it is named until it
 * was silent for as long as a lost agent counts.
 */
export function drainVerdict(own: PendingAnswer, peers: readonly PeerReport[]): DrainVerdict {
  const pending: PendingAgent[] = [];
  const answers: Answered[] = [{ replicaId: "", answer: own }];
  for (const peer of peers.filter(mayHaveAgents)) {
    if (isAnswered(peer)) answers.push(peer);
    else pending.push(unreachable(peer));
  }
  const back = new Set(answers.flatMap(({ answer }) => answer.backAgentIds));
  const isBack = ({ kind, agentId }: PendingAgent) => kind === "disconnected" && back.has(agentId);
  const lost = new Set<string>();
  let agentCount = 0;
  for (const { replicaId, answer } of answers) {
    for (const { kind, agentId } of answer.pending) if (kind === "disconnected") lost.add(agentId);
    const held = answer.pending.filter((agent) => !isBack(agent));
    pending.push(...held);
    if (answer.moreCount > 0) pending.push(more(replicaId, answer.moreCount));
    agentCount += answer.agentCount - (answer.pending.length - held.length);
  }
  return { pending, agentCount, lostAgentIds: [...lost].slice(0, MAX_NAMED_AGENTS) };
}

interface Answered {
  readonly replicaId: string;
  readonly answer: PendingAnswer;
}

/** Of a replica that is gone for so long, whoever was connected to it would be lost for as long. */
function mayHaveAgents({ state, silentMs }: PeerReport): boolean {
  return isLive(state) || silentMs < LOST_AGENT_MS + LAST_BEAT_MS;
}

function isAnswered(peer: PeerReport): peer is PeerReport & Answered {
  return isLive(peer.state) && typeof peer.answer !== "string";
}

function unreachable({ replicaId: agentId, state, silentMs, answer }: PeerReport): PendingAgent {
  const why = AWAY[state] ?? String(answer);
  const silent = `${Math.floor(silentMs / 1_000)} s`;
  return {
    agentId,
    kind: "replica-unreachable",
    detail: `${why}, and was heard ${silent} ago by somebody; agents that were connected to it may still be sending, and count until it is gone for ${LOST_AGENT_MS / 1_000} s`,
  };
}

const AWAY: Partial<Record<KnownReplica["state"], string>> = {
  dead: "this replica takes it for dead",
  left: "it said goodbye",
  unheard: "this replica does not hear it, and another one does",
};

function more(agentId: string, count: number): PendingAgent {
  return { agentId, kind: "not-acknowledged", detail: `and ${count} more agents of it` };
}
