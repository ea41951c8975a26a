import { MeshError } from "../../../core/model/mesh-error.ts";
import type { LeaseKey } from "../../../core/registry/registry.ts";
import { BusRequestError } from "../../../core/replication/bus-request-error.ts";
import {
  type Answer,
  type Ask,
  type LeaseOutcome,
  MAX_NAMED_AGENTS,
  MAX_RENEWED,
  type PendingAnswer,
  type PendingQuestion,
} from "../../../core/replication/calls.ts";
import type { Origin } from "../../../core/replication/entry.ts";
import type { MemberView } from "../../../core/replication/member.ts";
import type { ClusterSubjects } from "../../../core/replication/subjects.ts";
import type { Bus, BusMessage } from "../../../ports/bus.ts";
import type { Log } from "../../../ports/log.ts";
import type { ReplicationCodec } from "../../../ports/replication-codec.ts";
import type { DrainPeers } from "../drain-polls.ts";
import type { Owners } from "../owners.ts";

/** A client waits for it; a replica that takes longer is as good as gone. */
const OWNER_TIMEOUT_MS = 2_000;

/** Asked again and again while a drain waits. */
const PENDING_TIMEOUT_MS = 1_000;

/** What fits a bus whose messages are small. */
const FEW_AGENTS = 20;

/** What this replica does when another one asks. */
export interface CallHandlers {
  renew(leases: readonly LeaseKey[]): LeaseOutcome[];
  /** @throws MeshError when it could not be made certain */
  setDraining(
    lease: LeaseKey,
    isDraining: boolean,
  ): Promise<{ readonly outcome: LeaseOutcome; readonly operatorRevision: number }>;
  pending(question: PendingQuestion): PendingAnswer;
}

export interface OwnerCallsOptions {
  readonly bus: Bus;
  readonly codec: ReplicationCodec;
  readonly subjects: ClusterSubjects;
  readonly origin: Origin;
  readonly log: Log;
  readonly members: () => readonly MemberView[];
  /** This replica hears too few others to judge anybody. */
  readonly isIsolated: () => boolean;
  /** This replica knows what those that are heard own. */
  readonly isSynced: () => boolean;
}

/** What replicas ask of each other, because only the owner may do it, or only the other one knows. */
export class OwnerCalls implements Owners, DrainPeers {
  readonly #options: OwnerCallsOptions;

  constructor(options: OwnerCallsOptions) {
    this.#options = options;
  }

  get isIsolated(): boolean {
    return this.#options.isIsolated();
  }

  get isSynced(): boolean {
    return this.#options.isSynced();
  }

  members(): readonly MemberView[] {
    return this.#options.members();
  }

  /** Answers others from now on. @returns how to stop */
  serve(handlers: CallHandlers): () => void {
    const { bus, subjects, origin } = this.#options;
    const subject = subjects.of("call", origin.replicaId);
    const subscription = bus.subscribe(subject, (message) => this.#heard(message, handlers));
    return () => subscription.close();
  }

  async renew(
    replicaId: string,
    leases: readonly LeaseKey[],
  ): Promise<readonly LeaseOutcome[] | undefined> {
    const outcomes: LeaseOutcome[] = [];
    for (let from = 0; from < leases.length; from += MAX_RENEWED) {
      const some = leases.slice(from, from + MAX_RENEWED);
      const answer = await this.#askOwner(replicaId, { kind: "renew", leases: some });
      if (answer?.kind !== "renew" || answer.outcomes.length !== some.length) return undefined;
      outcomes.push(...answer.outcomes);
    }
    return outcomes;
  }

  async setDraining(replicaId: string, lease: LeaseKey, isDraining: boolean) {
    const answer = await this.#askOwner(replicaId, { kind: "set-draining", lease, isDraining });
    if (answer?.kind === "failure") {
      throw new MeshError("STORAGE_FAILED", `replica ${replicaId}: ${answer.message}`);
    }
    return answer?.kind === "set-draining" ? answer : undefined;
  }

  async pending(replicaId: string, question: PendingQuestion): Promise<PendingAnswer | string> {
    const answer = await this.#ask(replicaId, { kind: "pending", question }, PENDING_TIMEOUT_MS);
    if (typeof answer === "string") return answer;
    if (answer.kind === "pending") return answer;
    return answer.kind === "failure" ? `it says: ${answer.message}` : "it answers something else";
  }

  /** @returns `undefined` when it cannot be asked */
  async #askOwner(replicaId: string, ask: Ask): Promise<Answer | undefined> {
    const owner = this.members().find(({ origin }) => origin.replicaId === replicaId);
    if (owner === undefined || owner.state === "dead" || owner.state === "left") return undefined;
    const answer = await this.#ask(replicaId, ask, OWNER_TIMEOUT_MS);
    if (typeof answer !== "string") return answer;
    this.#options.log.warn({ replicaId, ask: ask.kind, why: answer }, "an owner does not answer");
    return undefined;
  }

  /** Never rejects. @returns why there is no answer, when there is none */
  async #ask(replicaId: string, ask: Ask, timeoutMs: number): Promise<Answer | string> {
    const { bus, codec, subjects, origin } = this.#options;
    const subject = subjects.of("call", replicaId);
    try {
      const call = codec.encode({ type: "call", origin, ask });
      const reply = codec.decode(await bus.request(subject, call, timeoutMs));
      return reply?.type === "call-reply" ? reply.answer : "its answer cannot be read";
    } catch (error) {
      return error instanceof BusRequestError ? WHY[error.reason] : String(error);
    }
  }

  /** Never throws into the bus. */
  #heard(message: BusMessage, handlers: CallHandlers): void {
    const call = this.#options.codec.decode(message.payload);
    if (call?.type !== "call") return;
    try {
      const { ask } = call;
      if (ask.kind === "renew") {
        const outcomes = handlers.renew(ask.leases.slice(0, MAX_RENEWED));
        this.#reply(message, { kind: "renew", outcomes });
      } else if (ask.kind === "pending") this.#tellPending(message, handlers.pending(ask.question));
      else void this.#setDraining(message, handlers, ask.lease, ask.isDraining);
    } catch (error) {
      this.#failed(message, error);
    }
  }

  async #setDraining(
    message: BusMessage,
    handlers: CallHandlers,
    lease: LeaseKey,
    isDraining: boolean,
  ): Promise<void> {
    try {
      const done = await handlers.setDraining(lease, isDraining);
      this.#reply(message, { kind: "set-draining", ...done });
    } catch (error) {
      this.#failed(message, error);
    }
  }

  /** As many as a message takes: who asks needs to know that there are some, more than all their names. */
  #tellPending(message: BusMessage, answer: PendingAnswer): void {
    const isSent = this.#reply(message, {
      kind: "pending",
      ...shortened(answer, MAX_NAMED_AGENTS),
    });
    if (!isSent) this.#reply(message, { kind: "pending", ...shortened(answer, FEW_AGENTS) });
  }

  #failed(message: BusMessage, error: unknown): void {
    this.#options.log.error({ err: error }, "a call of another replica failed");
    const text = error instanceof MeshError ? error.message : "it failed; its log has the cause";
    this.#reply(message, { kind: "failure", message: text });
  }

  #reply(message: BusMessage, answer: Answer): boolean {
    const { codec, origin } = this.#options;
    return message.reply(codec.encode({ type: "call-reply", origin, answer }));
  }
}

function shortened(answer: PendingAnswer, count: number): PendingAnswer {
  const { pending, backAgentIds } = answer;
  const moreCount = answer.moreCount + Math.max(0, pending.length - count);
  return {
    ...answer,
    pending: pending.slice(0, count),
    moreCount,
    backAgentIds: backAgentIds.slice(0, count),
  };
}

const WHY: Readonly<Record<BusRequestError["reason"], string>> = {
  "no-responders": "it answers no calls: it is stopping, or its version knows none",
  timeout: "it did not answer in time",
  disconnected: "this replica is not connected to the bus",
  "too-large": "the bus takes no message of that size; raise its max_payload",
  denied: "the bus forbids it; the log names the permission that is missing",
  overload: "too many requests are under way",
};
