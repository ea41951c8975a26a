import type { Clock } from "../../ports/clock.ts";
import type { Leadership } from "../../ports/leadership.ts";
import type { Log } from "../../ports/log.ts";
import type { PolicyStore } from "../../ports/policy-store.ts";
import { PolicyJanitor } from "./policy-janitor.ts";

export interface LeaderWorkOptions {
  /** Left out by a replica that is alone: it shares nothing that one of many must look after. */
  readonly cluster?: { readonly leadership?: Leadership };
  readonly policies: PolicyStore;
  /** With the wall time that replicas agree on. */
  readonly clock: Clock;
  readonly log: Log;
}

/** Begins all that only one of the replicas does. @returns ends it, and gives the term up; never rejects. */
export function startLeaderWork(options: LeaderWorkOptions): () => Promise<void> {
  const { cluster, policies, clock, log } = options;
  const leadership = cluster?.leadership;
  if (leadership === undefined) return () => Promise.resolve();
  const { clearing } = policies;
  const janitor = clearing && new PolicyJanitor({ leadership, policies: clearing, clock, log });
  return async () => {
    janitor?.stop();
    try {
      await leadership.close();
    } catch (error) {
      log.warn({ err: error }, "the lease of the leader could not be closed; it ends by itself");
    }
  };
}
