import type { Random } from "../model/random.ts";
import { fullJitterMs } from "../resilience/backoff.ts";
import type { Origin } from "./entry.ts";
import type { PullChunk, PullRequest, PullWant } from "./messages.ts";
import { PullSession, type SessionState } from "./pull-session.ts";
import type { PullSlots } from "./pull-slots.ts";

/** To be sent to a replica; its answer goes to `pullReply`, or its failure to `pullFailed`. */
export interface PullEffect {
  readonly kind: "pull";
  /** The replica to ask. */
  readonly server: string;
  readonly request: PullRequest;
}

export interface PullOptions {
  /** Our own id. */
  readonly requester: string;
  readonly random: Random;
  /** Shared by all origins of a replica. */
  readonly slots: PullSlots;
  /**
   * Whom to ask for an origin's records: the origin itself, or, when it is dead or did not answer,
   * a replica whose copy is at least as far as ours. `attempt` counts failures from 0. `undefined`:
   * nobody yet.
   */
  serverOf(origin: Origin, attempt: number): string | undefined;
}

interface Need {
  readonly want: PullWant;
  readonly dueMs: number;
  /** With `from-seq`: what was missing; when it arrived by itself there is no need. */
  readonly untilSeq: number;
}

/** Who needs more of a set needs no less of it. */
const RANK: Readonly<Record<PullWant["kind"], number>> = {
  vector: 0,
  buckets: 1,
  "from-seq": 2,
  full: 3,
};

/** All pulls of the replica are taken: soon one of them is over. */
const SLOT_WAIT_MS = 50;
/** Nobody holds the records: the next heartbeats may name somebody. */
const SERVER_WAIT_MS = 1_000;

/** What the puller of one origin needs next, and the session that is under way: one at a time. */
export class OriginPulls {
  /** Sessions opened since the start, by what was wanted. */
  readonly startedCounts: Record<PullWant["kind"], number> = {
    "from-seq": 0,
    vector: 0,
    buckets: 0,
    full: 0,
  };
  readonly #options: PullOptions;
  #need: Need | undefined;
  #session: PullSession | undefined;
  #sessionCount = 0;
  #failures = 0;

  constructor(options: PullOptions) {
    this.#options = options;
  }

  get isUnderWay(): boolean {
    return this.#session !== undefined;
  }

  /** True while something is known to be missing, not while sets are merely compared. */
  get isBehind(): boolean {
    const kind = this.#session?.request.want.kind ?? this.#need?.want.kind;
    return kind !== undefined && kind !== "vector";
  }

  get dueMs(): number {
    return this.#session?.dueMs ?? this.#need?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  /** What a session under way leaves open is noticed again, by the next batch or heartbeat. */
  want(want: PullWant, dueMs: number, untilSeq = 0): void {
    if (this.#session !== undefined) return;
    const known = this.#need;
    if (known === undefined || RANK[known.want.kind] < RANK[want.kind]) {
      this.#need = { want, dueMs, untilSeq };
    } else if (untilSeq > known.untilSeq) {
      this.#need = { ...known, untilSeq };
    }
  }

  /** Comparing is not tried again: heartbeats and the regular verification ask for it anew. */
  retry(want: PullWant, nowMs: number): void {
    const wait = fullJitterMs(this.#failures, this.#options.random);
    this.#failures++;
    if (want.kind === "vector" || want.kind === "buckets") return;
    this.want(want, nowMs + wait, Number.MAX_SAFE_INTEGER);
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** Forgets what is needed and what is under way. */
  cancel(): void {
    this.#endSession();
    this.#need = undefined;
    this.#failures = 0;
  }

  /**
   * Opens a session for what is due.
   * @param seq of the copy; `undefined` when there is none of this epoch
   * @returns true when one was opened
   */
  open(origin: Origin, seq: number | undefined, nowMs: number): boolean {
    const need = this.#need;
    if (need === undefined || this.#session !== undefined || nowMs < need.dueMs) return false;
    const want = wantFrom(need, seq);
    this.#need = undefined;
    if (want === undefined) return false;
    const server = this.#options.serverOf(origin, this.#failures);
    if (server === undefined || !this.#options.slots.take()) {
      const wait = server === undefined ? SERVER_WAIT_MS : SLOT_WAIT_MS;
      this.#need = { ...need, dueMs: nowMs + wait };
      return false;
    }
    const { requester } = this.#options;
    const session = ++this.#sessionCount;
    const request = { type: "pull-request", origin, requester, session, want, chunk: 0 } as const;
    this.#session = new PullSession(server, request);
    this.startedCounts[want.kind]++;
    return true;
  }

  /** What to send now. */
  effects(nowMs: number): PullEffect[] {
    const session = this.#session;
    if (session === undefined) return [];
    const { server } = session;
    return session.takeRequests(nowMs).map((request) => ({ kind: "pull", server, request }));
  }

  /** @returns the session unless it goes on; it is over then */
  accept(chunk: PullChunk): { session: PullSession; state: SessionState } | undefined {
    const session = this.#session;
    if (session === undefined || chunk.session !== session.request.session) return undefined;
    const state = session.accept(chunk);
    if (state === "more") return undefined;
    this.#endSession();
    return { session, state };
  }

  /** Gives up a session that was not answered. */
  failed(session: number, nowMs: number): void {
    if (this.#session?.request.session !== session) return;
    const { want } = this.#session.request;
    this.#endSession();
    this.retry(want, nowMs);
  }

  /** Gives up a session whose chunks do not come. */
  giveUp(nowMs: number): void {
    const session = this.#session;
    if (session?.isExhausted(nowMs) === true) this.failed(session.request.session, nowMs);
  }

  #endSession(): void {
    if (this.#session === undefined) return;
    this.#session = undefined;
    this.#options.slots.release();
  }
}

/** What to ask for by now; `undefined` when nothing is missing any more. */
function wantFrom({ want, untilSeq }: Need, seq: number | undefined): PullWant | undefined {
  if (want.kind === "full") return want;
  if (seq === undefined) return undefined;
  if (want.kind !== "from-seq") return want;
  return seq < untilSeq ? { kind: "from-seq", seq } : undefined;
}
