import { overPolicies } from "../../core/policies/over-policies.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Leadership } from "../../ports/leadership.ts";
import type { Log } from "../../ports/log.ts";
import type { PolicyClearing } from "../../ports/policy-clearing.ts";

/** What is kept for a month need not go at a minute. */
const INTERVAL_MS = 60 * 60 * 1_000;

export interface PolicyJanitorOptions {
  readonly leadership: Pick<Leadership, "term">;
  readonly policies: PolicyClearing;
  readonly clock: Clock;
  readonly log: Log;
  /** Shorter in tests. */
  readonly intervalMs?: number;
}

/**
 * Clears what is over in the policies of a cluster; every replica has one, and the leader's works.
 * Two that think that they lead do no harm: each write names the revision that it was decided for,
 * and carries the term.
 */
export class PolicyJanitor {
  readonly #options: PolicyJanitorOptions;
  #cancel: () => void = () => undefined;
  #isStopped = false;

  constructor(options: PolicyJanitorOptions) {
    this.#options = options;
    this.#schedule();
  }

  /** What is under way ends with the store. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #schedule(): void {
    const { clock, log, intervalMs = INTERVAL_MS } = this.#options;
    this.#cancel = clock.after(intervalMs, () => {
      this.#round()
        .catch((error: unknown) => log.warn({ err: error }, "old policies could not be cleared"))
        .finally(() => {
          if (!this.#isStopped) this.#schedule();
        });
    });
  }

  async #round(): Promise<void> {
    const { leadership, policies, clock, log } = this.#options;
    if (leadership.term() === undefined) return;
    let clearedCount = 0;
    for (const over of overPolicies(policies.latest(), clock.wallMs())) {
      // Asked for each: a write may take long enough to lose the lead.
      const term = leadership.term();
      if (term === undefined || this.#isStopped) break;
      if (await policies.clear(over, term)) clearedCount++;
    }
    if (clearedCount > 0)
      log.info({ clearedCount }, "histories of policies that are over are gone");
  }
}
