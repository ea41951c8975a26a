import type { PeerReport } from "../../core/discovery/drain-verdict.ts";
import type { PendingAnswer, PendingQuestion } from "../../core/replication/calls.ts";
import { knownReplicas } from "../../core/replication/hearsay.ts";
import type { MemberView } from "../../core/replication/member.ts";

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

/** What the other replicas say of one drain. Each is asked again when it has answered. */
export class DrainPolls {
  readonly #peers: DrainPeers;
  readonly #replicaId: string;
  readonly #answers = new Map<string, PendingAnswer | string>();
  readonly #asked = new Set<string>();

  /** @param replicaId this one's */
  constructor(peers: DrainPeers, replicaId: string) {
    this.#peers = peers;
    this.#replicaId = replicaId;
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
      void this.#peers.pending(replicaId, question).then((answer) => {
        this.#asked.delete(replicaId);
        this.#answers.set(replicaId, answer);
        answered();
      });
    }
  }

  reports(): PeerReport[] {
    return knownReplicas(this.#peers.members(), this.#replicaId).map((replica) => ({
      ...replica,
      answer: this.#answers.get(replica.replicaId) ?? NOT_YET,
    }));
  }

  #live(): MemberView[] {
    return this.#peers.members().filter(({ state }) => state === "alive" || state === "suspect");
  }
}
