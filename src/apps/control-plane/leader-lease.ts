import type { Clock } from "../../ports/clock.ts";
import type { Leadership, LeaseCell } from "../../ports/leadership.ts";
import type { Log } from "../../ports/log.ts";

/** As leases of instances: a replica that is silent for so long does its job no more. */
const DEFAULT_TTL_MS = 15_000;

/** Two lost renewals cost nothing. */
const RENEWALS_PER_TTL = 3;

/** Clocks of two machines run apart by much less within a term. */
const DRIFT_SHARE = 0.1;

/** Elections of NATS take seconds; so many terms without an answer are worth a line. */
const SILENT_TERMS = 4;

export interface LeaderLeaseOptions {
  readonly replicaId: string;
  readonly cell: LeaseCell;
  readonly clock: Clock;
  readonly log: Log;
  readonly ttlMs?: number;
}

interface Seen {
  readonly revision: number;
  /** When this revision was seen first: silence is measured here, and no two clocks are compared. */
  readonly sinceMs: number;
}

/**
 * A lease over one cell. Whoever leads writes the cell thrice per term of life; when it did not
 * change for a whole one, another replica takes it. The revision of the write that took it is the term.
 *
 *   following -the cell is silent for ttl, compare and set-> leading (term = revision)
 *   leading   -another revision is there, or no confirmed renewal for 0.9 ttl-> following
 */
export class LeaderLease implements Leadership {
  readonly #options: LeaderLeaseOptions;
  readonly #ttlMs: number;
  /** Who held the lease when it was read last. */
  #leader = "";
  #readAtMs = Number.NEGATIVE_INFINITY;
  /** Since the cell does not answer; `undefined` while it does. */
  #silentSinceMs: number | undefined;
  #isSilenceSaid = false;
  #seen: Seen | undefined;
  #term = 0;
  #ownRevision = 0;
  #leadsUntilMs = Number.NEGATIVE_INFINITY;
  #cancel: () => void = () => undefined;
  #isClosed = false;

  constructor(options: LeaderLeaseOptions) {
    this.#options = options;
    this.#ttlMs = options.ttlMs ?? DEFAULT_TTL_MS;
    this.#again();
  }

  /** What was read a term ago says nothing of now. */
  get leader(): string {
    const { clock, replicaId } = this.#options;
    if (this.term() !== undefined) return replicaId;
    const isRecent = clock.nowMs() - this.#readAtMs < this.#ttlMs;
    return isRecent && this.#leader !== replicaId ? this.#leader : "";
  }

  term(): number | undefined {
    return this.#options.clock.nowMs() < this.#leadsUntilMs ? this.#term : undefined;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancel();
    const { cell, log } = this.#options;
    const isLeading = this.term() !== undefined;
    this.#leadsUntilMs = Number.NEGATIVE_INFINITY;
    try {
      if (isLeading) await cell.write("", this.#ownRevision);
    } catch (error) {
      log.warn(
        { err: error },
        "the lease of the leader could not be given back; it ends by itself",
      );
    }
    await cell.close();
  }

  #again(): void {
    const step = (): void => {
      this.#step()
        .then(
          () => this.#answered(),
          (error: unknown) => this.#unanswered(error),
        )
        .finally(() => {
          if (!this.#isClosed) this.#again();
        });
    };
    this.#cancel = this.#options.clock.after(this.#ttlMs / RENEWALS_PER_TTL, step);
  }

  #answered(): void {
    this.#silentSinceMs = undefined;
    this.#isSilenceSaid = false;
  }

  #unanswered(error: unknown): void {
    const { clock, log } = this.#options;
    const nowMs = clock.nowMs();
    this.#silentSinceMs ??= nowMs;
    if (this.#isSilenceSaid || nowMs - this.#silentSinceMs < SILENT_TERMS * this.#ttlMs) return;
    this.#isSilenceSaid = true;
    log.warn(
      { err: error },
      "NATS does not say who leads, so nobody does: histories of policies that are over stay",
    );
  }

  /** One look at the cell, and at most one write. */
  async #step(): Promise<void> {
    const { cell, clock, replicaId } = this.#options;
    const startedMs = clock.nowMs();
    if (this.term() !== undefined) {
      await this.#renew(startedMs);
      return;
    }
    const found = await cell.read();
    const revision = found?.revision ?? 0;
    const holder = found?.value ?? "";
    this.#leader = holder;
    this.#readAtMs = clock.nowMs();
    if (this.#seen?.revision !== revision) this.#seen = { revision, sinceMs: clock.nowMs() };
    const isFree = holder === "" || holder === replicaId;
    if (!isFree && startedMs - this.#seen.sinceMs < this.#ttlMs) return;
    await this.#took(await cell.write(replicaId, revision), startedMs);
  }

  async #renew(startedMs: number): Promise<void> {
    const { cell, replicaId } = this.#options;
    const revision = await cell.write(replicaId, this.#ownRevision);
    if (revision === undefined) this.#lose();
    else this.#hold(revision, startedMs);
  }

  #took(revision: number | undefined, startedMs: number): void {
    if (revision === undefined || this.#isClosed) return;
    this.#term = revision;
    this.#hold(revision, startedMs);
    this.#options.log.info({ term: revision }, "this replica leads from now on");
  }

  /** Counted from before the write: whoever waits for its silence starts later. */
  #hold(revision: number, startedMs: number): void {
    this.#ownRevision = revision;
    this.#leadsUntilMs = startedMs + this.#ttlMs * (1 - DRIFT_SHARE);
  }

  #lose(): void {
    this.#leadsUntilMs = Number.NEGATIVE_INFINITY;
    this.#seen = undefined;
    this.#options.log.warn({ term: this.#term }, "another replica leads now");
  }
}
