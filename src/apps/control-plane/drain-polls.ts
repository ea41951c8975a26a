import type { PeerReport } from "../../core/discovery/drain-verdict.ts";
import type { PendingAnswer, PendingQuestion } from "../../core/replication/calls.ts";
import { knownReplicas } from "../../core/replication/hearsay.ts";
import { isLive, type MemberView } from "../../core/replication/member.ts";
import type { Clock } from "../../ports/clock.ts";

/** The other replicas, as a drain needs them. */
export interface DrainPeers {
  /** This replica hears too few others to know who is missing. */
  readonly isIsolated: boolean;
  members(): readonly MemberView[];
  /** Never rejects. @returns why there is no answer, in words, when there is none */
  pending(replicaId: string, question: PendingQuestion): Promise<PendingAnswer | string>;
}

/** A replica alone. */
export const NO_PEERS: DrainPeers = {
  isIsolated: false,
  members: () => [],
  pending: () => Promise.resolve("there are no others"),
};

const NOT_YET = "it has not answered yet";

/**
 * What somebody said before says nothing of agents that have come to him since. Who answers is asked four times
 * a second, and waited for a second; older answers are what is left after this process stood still.
 */
export const ANSWER_AGE_MS = 2_000;

interface PeerAnswer {
  readonly answer: PendingAnswer | string;
  readonly askedAtMs: number;
}

/** What the other replicas say of one drain. Each is asked again when it has answered. */
export class DrainPolls {
  readonly #peers: DrainPeers;
  readonly #replicaId: string;
  readonly #clock: Clock;
  readonly #answers = new Map<string, PeerAnswer>();
  readonly #asked = new Set<string>();

  /** @param replicaId this one's */
  constructor(peers: DrainPeers, replicaId: string, clock: Clock) {
    this.#peers = peers;
    this.#replicaId = replicaId;
    this.#clock = clock;
  }

  /** True when everybody who lives has answered, or was given the time to. */
  get hasAsked(): boolean {
    return this.#live().every(({ origin }) => this.#answers.has(origin.replicaId));
  }

  /** Asks everybody who lives and is not just being asked. @param answered called after each answer */
  ask(question: PendingQuestion, answered: () => void): void {
    for (const { origin } of this.#live()) {
      const { replicaId } = origin;
      if (this.#asked.has(replicaId)) continue;
      this.#asked.add(replicaId);
      const askedAtMs = this.#clock.nowMs();
      void this.#peers.pending(replicaId, question).then((answer) => {
        this.#asked.delete(replicaId);
        this.#answers.set(replicaId, { answer, askedAtMs });
        answered();
      });
    }
  }

  reports(): PeerReport[] {
    return knownReplicas(this.#peers.members(), this.#replicaId).map((replica) => ({
      ...replica,
      answer: this.#answerOf(replica.replicaId),
    }));
  }

  #answerOf(replicaId: string): PendingAnswer | string {
    const last = this.#answers.get(replicaId);
    if (last === undefined) return NOT_YET;
    const ageMs = this.#clock.nowMs() - last.askedAtMs;
    if (typeof last.answer === "string" || ageMs < ANSWER_AGE_MS) return last.answer;
    return `it has not answered for ${Math.floor(ageMs / 1_000)} s`;
  }

  #live(): MemberView[] {
    return this.#peers.members().filter(({ state }) => isLive(state));
  }
}
