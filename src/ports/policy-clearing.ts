import type { PolicyRevision } from "../core/policies/service-policy.ts";

/** What a leader may take out of a store that all replicas share. */
export interface PolicyClearing {
  /** For each service that was decided of, what was decided last. */
  latest(): readonly PolicyRevision[];
  /**
   * Takes the history of a service away whose policy is over. What stays are a few words with the
   * term, so that a replica that was away for months does not take its old copy for what holds.
   * @param over what was decided last; nothing happens when something newer is there.
   * @param term of the leader that decided. Who heard of a later one refuses it.
   * @returns whether it happened.
   * @throws Error when it is not known whether it happened
   */
  clear(over: PolicyRevision, term: number): Promise<boolean>;
}
