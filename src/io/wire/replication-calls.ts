import type { PendingAgent } from "../../core/discovery/drain-barrier.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import {
  type InstanceId,
  isInstanceId,
  isName,
  type RegistrationId,
  serviceKey,
  splitServiceKey,
} from "../../core/model/names.ts";
import { isRegistrationId } from "../../core/model/validate-names.ts";
import type { LeaseKey } from "../../core/registry/registry.ts";
import type {
  Answer,
  Ask,
  Call,
  CallReply,
  LeaseOutcome,
  PendingAnswer,
  PendingQuestion,
} from "../../core/replication/calls.ts";
import {
  type Call as CallMessage,
  type LeaseName,
  LeaseOutcome as OutcomeCode,
  type PendingCall,
  type PendingEntry,
  type PendingReply,
  type CallReply as ReplyMessage,
} from "../../gen/weir/replication/v1/replication.ts";
import { pendingReasonFromWire, pendingReasonToWire } from "./pending-reason.ts";
import { originFromWire, originToWire } from "./replication-pull.ts";
import { wholeNumber } from "./whole-number.ts";

export function callToWire({ origin, ask }: Call): CallMessage {
  return { origin: originToWire(origin), call: askToWire(ask) };
}

/** @throws Error for what is no call */
export function callFromWire({ origin, call }: CallMessage): Call {
  return { type: "call", origin: originFromWire(origin), ask: askFromWire(call) };
}

export function replyToWire({ origin, answer }: CallReply): ReplyMessage {
  return { origin: originToWire(origin), reply: answerToWire(answer) };
}

/** @throws Error for what is no reply */
export function replyFromWire({ origin, reply }: ReplyMessage): CallReply {
  return { type: "call-reply", origin: originFromWire(origin), answer: answerFromWire(reply) };
}

function askToWire(ask: Ask): CallMessage["call"] {
  switch (ask.kind) {
    case "renew":
      return { $case: "renew", value: { leases: ask.leases.map(leaseToWire) } };
    case "set-draining": {
      const value = { lease: leaseToWire(ask.lease), draining: ask.isDraining };
      return { $case: "setDraining", value };
    }
    case "pending":
      return { $case: "pending", value: questionToWire(ask.question) };
  }
}

function askFromWire(call: CallMessage["call"]): Ask {
  switch (call?.$case) {
    case "renew":
      return { kind: "renew", leases: call.value.leases.map(leaseFromWire) };
    case "setDraining": {
      const lease = leaseFromWire(call.value.lease);
      return { kind: "set-draining", lease, isDraining: call.value.draining };
    }
    case "pending":
      return { kind: "pending", question: questionFromWire(call.value) };
    default:
      throw garbage("a call asks for something unknown");
  }
}

function answerToWire(answer: Answer): ReplyMessage["reply"] {
  switch (answer.kind) {
    case "renew": {
      const outcomes = answer.outcomes.map((outcome) => OUTCOMES[outcome]);
      return { $case: "renew", value: { outcomes } };
    }
    case "set-draining": {
      const outcome = OUTCOMES[answer.outcome];
      const operatorRevision = BigInt(answer.operatorRevision);
      return { $case: "setDraining", value: { outcome, operatorRevision } };
    }
    case "pending":
      return { $case: "pending", value: pendingToWire(answer) };
    case "failure":
      return { $case: "failure", value: { message: answer.message } };
  }
}

function answerFromWire(reply: ReplyMessage["reply"]): Answer {
  switch (reply?.$case) {
    case "renew":
      return { kind: "renew", outcomes: reply.value.outcomes.map(outcomeFromWire) };
    case "setDraining":
      return {
        kind: "set-draining",
        outcome: outcomeFromWire(reply.value.outcome),
        operatorRevision: wholeNumber(reply.value.operatorRevision, "operator_revision"),
      };
    case "pending":
      return { kind: "pending", ...pendingFromWire(reply.value) };
    case "failure":
      return { kind: "failure", message: reply.value.message };
    default:
      throw garbage("a reply says something unknown");
  }
}

function questionToWire(question: PendingQuestion): PendingCall {
  const { operatorRevision, lostAgentIds } = question;
  return {
    lease: leaseToWire(question),
    operatorRevision: BigInt(operatorRevision),
    lostAgentIds: [...lostAgentIds],
  };
}

function questionFromWire(message: PendingCall): PendingQuestion {
  const { service, instanceId, registrationId } = leaseFromWire(message.lease);
  if (registrationId === "") throw garbage("a drain names no registration");
  return {
    ...{ service, instanceId, registrationId },
    operatorRevision: wholeNumber(message.operatorRevision, "operator_revision"),
    lostAgentIds: message.lostAgentIds,
  };
}

function pendingToWire({
  pending,
  moreCount,
  agentCount,
  backAgentIds,
}: PendingAnswer): PendingReply {
  return {
    pending: pending.map(entryToWire),
    moreCount,
    agentCount,
    backAgentIds: [...backAgentIds],
  };
}

function pendingFromWire(message: PendingReply): PendingAnswer {
  const { moreCount, agentCount, backAgentIds } = message;
  return { pending: message.pending.map(entryFromWire), moreCount, agentCount, backAgentIds };
}

function entryToWire({ agentId, kind, detail }: PendingAgent): PendingEntry {
  return { agentId, reason: pendingReasonToWire(kind), detail };
}

/** A reason that is not known here still holds the drain up. */
function entryFromWire({ agentId, reason, detail }: PendingEntry): PendingAgent {
  return { agentId, kind: pendingReasonFromWire(reason) ?? "not-acknowledged", detail };
}

function leaseToWire(lease: LeaseKey): LeaseName {
  const { instanceId, registrationId } = lease;
  return { ...splitServiceKey(lease.service), instanceId, registrationId };
}

function leaseFromWire(message: LeaseName | undefined): LeaseKey {
  const { namespace = "", service = "", instanceId = "", registrationId = "" } = message ?? {};
  if (!isName(namespace) || !isName(service) || !isInstanceId(instanceId)) {
    throw garbage("a call names no instance");
  }
  if (registrationId !== "" && !isRegistrationId(registrationId)) {
    throw garbage("a call names no registration");
  }
  return {
    service: serviceKey(namespace, service),
    instanceId: instanceId as InstanceId,
    registrationId: registrationId as RegistrationId | "",
  };
}

const OUTCOMES: Readonly<Record<LeaseOutcome, OutcomeCode>> = {
  done: OutcomeCode.LEASE_OUTCOME_DONE,
  "not-found": OutcomeCode.LEASE_OUTCOME_NOT_FOUND,
  superseded: OutcomeCode.LEASE_OUTCOME_SUPERSEDED,
  "not-owner": OutcomeCode.LEASE_OUTCOME_NOT_OWNER,
};

function outcomeFromWire(code: OutcomeCode): LeaseOutcome {
  switch (code) {
    case OutcomeCode.LEASE_OUTCOME_DONE:
      return "done";
    case OutcomeCode.LEASE_OUTCOME_NOT_FOUND:
      return "not-found";
    case OutcomeCode.LEASE_OUTCOME_SUPERSEDED:
      return "superseded";
    case OutcomeCode.LEASE_OUTCOME_NOT_OWNER:
      return "not-owner";
    default:
      throw garbage("a lease came to something unknown");
  }
}

function garbage(what: string): MeshError {
  return new MeshError("PROTOCOL_VIOLATION", `${what}; did a Weir replica send it?`);
}
