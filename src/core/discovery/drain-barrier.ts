import type { RegistrationId } from "../model/names.ts";
import type { Subscription } from "./subscription.ts";

/** So long a lost agent may still be sending by what it last knew. */
export const LOST_AGENT_MS = 30_000;

export type PendingKind =
  | "not-acknowledged"
  | "in-flight"
  | "disconnected"
  | "not-settled"
  | "last-endpoint"
  | "replica-unreachable";

/** Who holds a drain up, and why. */
export interface PendingAgent {
  readonly agentId: string;
  readonly kind: PendingKind;
  readonly detail: string;
}

export interface BarrierInput {
  readonly registrationId: RegistrationId;
  /** The version that first told agents to send it nothing more; `undefined` while none did. */
  readonly outSince: number | undefined;
  /** It is no longer listed: of those, agents report only what is still under way. */
  readonly hasEnded: boolean;
  /** The version from which on agents know somebody else to send to; `undefined` while there is nobody. */
  readonly otherSince: number | undefined;
  /** Of all watchers of the service. */
  readonly subscriptions: Iterable<Subscription>;
  /** Agents that watched the service and are gone for less than LOST_AGENT_MS. */
  readonly lost: Iterable<{ readonly agentId: string; readonly lostForMs: number }>;
  /** Agents that asked for the service here and wait for an answer: what they have seen has not arrived here. */
  readonly waiting: readonly string[];
  readonly replicaId: string;
  /** 0 once this replica has settled. */
  readonly settlesInMs: number;
}

/**
 * Who may still send a request to a draining instance, or waits for an answer of it. Empty
 * means that the process may be killed: the barrier would rather wait than be wrong.
 */
export function pendingAgents(input: BarrierInput): PendingAgent[] {
  const pending: PendingAgent[] = [];
  let agentCount = 0;
  // Until they know somebody else, agents go on sending to the only endpoint that they have.
  const neededVersion = Math.max(input.outSince ?? 0, input.otherSince ?? 0);
  for (const subscription of input.subscriptions) {
    if (!subscription.watcher.isDataPlane) continue;
    agentCount++;
    if (input.outSince === undefined) continue;
    const reason = whyPending(subscription, neededVersion, input);
    if (reason !== undefined) pending.push(reason);
  }
  if (input.outSince === undefined) {
    pending.push({
      agentId: input.replicaId,
      kind: "replica-unreachable",
      detail: `it tells its ${agentCount} agents of no drain: it has not heard of it yet, or it was taken back`,
    });
  }
  for (const agentId of input.waiting) {
    agentCount++;
    const detail =
      "it has seen more elsewhere than has arrived here; its first answer waits for that";
    pending.push({ agentId, kind: "not-acknowledged", detail });
  }
  for (const { agentId, lostForMs } of input.lost) {
    agentCount++;
    pending.push({
      agentId,
      kind: "disconnected",
      detail: `its stream broke ${seconds(lostForMs)} ago; it counts for ${seconds(LOST_AGENT_MS)}`,
    });
  }
  if (agentCount > 0 && input.otherSince === undefined) {
    pending.push({
      agentId: input.replicaId,
      kind: "last-endpoint",
      detail: "no other instance can take its requests, so agents still pick it; start one first",
    });
  }
  if (input.settlesInMs > 0) {
    pending.push({
      agentId: input.replicaId,
      kind: "not-settled",
      detail: `the server started a moment ago and may not know all agents; it settles in ${seconds(input.settlesInMs)}`,
    });
  }
  return pending;
}

function whyPending(
  subscription: Subscription,
  neededVersion: number,
  { registrationId, hasEnded }: BarrierInput,
): PendingAgent | undefined {
  const { agentId } = subscription.watcher;
  if (subscription.ackedVersion < neededVersion) {
    const detail = `it acknowledged version ${subscription.ackedVersion}, not yet ${neededVersion}`;
    return { agentId, kind: "not-acknowledged", detail };
  }
  if (subscription.trouble?.isHeld === true) {
    const detail = "it holds on to what it had until its list is known to be complete";
    return { agentId, kind: "not-acknowledged", detail };
  }
  const count = subscription.watcher.inFlightTo(registrationId);
  if (count === 0 || (count === undefined && hasEnded)) return undefined;
  const detail =
    count === undefined
      ? "it has not said yet that it is idle there"
      : `${count} requests in flight`;
  return { agentId, kind: "in-flight", detail };
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 1_000)} s`;
}
