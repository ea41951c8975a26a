import type { PendingAgent } from "../discovery/drain-barrier.ts";
import type { InstanceId, RegistrationId, ServiceKey } from "../model/names.ts";
import type { LeaseKey } from "../registry/registry.ts";
import type { Origin } from "./entry.ts";

/** Leases of one call: some 300 bytes each at most, far below what a bus carries. */
export const MAX_RENEWED = 500;

/** Agents that one call or reply names: some 350 bytes each at most. */
export const MAX_NAMED_AGENTS = 1_000;

/** What one replica asks of another one. Whether the caller may was checked where the client asked. */
export interface Call {
  readonly type: "call";
  /** Who asks. */
  readonly origin: Origin;
  readonly ask: Ask;
}

export interface CallReply {
  readonly type: "call-reply";
  /** Who answers. */
  readonly origin: Origin;
  readonly answer: Answer;
}

export type Ask =
  | { readonly kind: "renew"; readonly leases: readonly LeaseKey[] }
  | { readonly kind: "set-draining"; readonly lease: LeaseKey; readonly isDraining: boolean }
  | { readonly kind: "pending"; readonly question: PendingQuestion };

/** Who of a replica's agents may still use a draining instance? */
export interface PendingQuestion {
  readonly service: ServiceKey;
  readonly instanceId: InstanceId;
  readonly registrationId: RegistrationId;
  /** The operator's decision that drained it. */
  readonly operatorRevision: number;
  /** Agents whose streams to other replicas broke: is any of them back here? */
  readonly lostAgentIds: readonly string[];
}

/**
 * What a lease came to. `done`: renewed, or drained. `not-owner`: another replica keeps it by now.
 */
export type LeaseOutcome = "done" | "not-found" | "superseded" | "not-owner";

export type Answer =
  | { readonly kind: "renew"; readonly outcomes: readonly LeaseOutcome[] }
  | {
      readonly kind: "set-draining";
      readonly outcome: LeaseOutcome;
      /** After it. */
      readonly operatorRevision: number;
    }
  | ({ readonly kind: "pending" } & PendingAnswer)
  | { readonly kind: "failure"; readonly message: string };

/** One replica's part of a drain. */
export interface PendingAnswer {
  /** The first of them. */
  readonly pending: readonly PendingAgent[];
  /** How many more there are. */
  readonly moreCount: number;
  /** Who watches the service there, and who did a moment ago. */
  readonly agentCount: number;
  /** Of the lost ones that were asked for, those that watch the service there. */
  readonly backAgentIds: readonly string[];
}
