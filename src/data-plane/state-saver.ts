import type { Clock } from "../ports/clock.ts";
import type { Knowledge, LastKnownGood } from "../ports/last-known-good.ts";
import type { Log } from "../ports/log.ts";

/** A crash loses at most this much knowledge, and churn costs at most one write in this time. */
export const SAVE_DELAY_MS = 2_000;

/** Keeps the last-known-good file near what the agent knows. */
export class StateSaver {
  readonly #store: LastKnownGood;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #content: () => Knowledge;
  #cancelTimer: (() => void) | undefined;
  #isDirty = false;
  #writing: Promise<void> | undefined;
  #hasFailed = false;
  #isStopped = false;

  constructor(options: {
    readonly store: LastKnownGood;
    readonly clock: Clock;
    readonly log: Log;
    readonly content: () => Knowledge;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#content = options.content;
  }

  changed(): void {
    this.#isDirty = true;
    if (this.#writing === undefined) this.#schedule();
  }

  /** Saves what is left, after a write that is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer?.();
    await this.#writing;
    if (this.#isDirty) await this.#save();
  }

  #schedule(): void {
    this.#cancelTimer ??= this.#clock.after(SAVE_DELAY_MS, () => {
      this.#cancelTimer = undefined;
      // `#save` does not reject: it logs.
      this.#writing = this.#save().then(() => {
        this.#writing = undefined;
        if (this.#isDirty && !this.#isStopped) this.#schedule();
      });
    });
  }

  async #save(): Promise<void> {
    this.#isDirty = false;
    try {
      await this.#store.save(this.#content());
      this.#hasFailed = false;
    } catch (error) {
      const message =
        "cannot save what is known; after a restart without a control plane this agent knows nothing";
      if (!this.#hasFailed) this.#log.warn({ error: String(error) }, message);
      this.#hasFailed = true;
    }
  }
}
