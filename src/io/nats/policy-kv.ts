import type { NatsConnection } from "nats";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { ServiceKey } from "../../core/model/names.ts";
import { etagMismatch, PolicyBook } from "../../core/policies/policy-book.ts";
import { etagOf, type PolicyRevision } from "../../core/policies/service-policy.ts";
import type { BusProblem } from "../../ports/bus.ts";
import type { LastGoodPolicies } from "../../ports/last-good-policies.ts";
import type { Log } from "../../ports/log.ts";
import type {
  PolicyChange,
  PolicyCopies,
  PolicyStore,
  PolicyStoreState,
} from "../../ports/policy-store.ts";
import { dialNats, type NatsDialOptions } from "./nats-dial.ts";
import { NatsLink } from "./nats-link.ts";
import { parseServers } from "./nats-settings.ts";
import { type BucketState, PolicyBucket } from "./policy-bucket.ts";
import { policyClearing } from "./policy-kv-clearing.ts";
import { policyKvState, replacedAlarm } from "./policy-kv-state.ts";
import {
  forbidden,
  type PolicyTrouble,
  policyTrouble,
  withoutConnection,
} from "./policy-trouble.ts";
import { withinTime } from "./within-time.ts";

/** How often what was seen is compared with what the stream holds: watches break silently. */
const VERIFY_INTERVAL_MS = 15_000;

/** Opening asks for the stream, and reads all of it: a few hundred kilobytes. */
const OPEN_LIMIT_MS = 10_000;

/** Attempts of one write within the five seconds that a person at a terminal waits. */
const MAX_ATTEMPTS = 3;

export interface PolicyKvOptions extends NatsDialOptions {
  /** Of one cluster of Weir; others on the same NATS have their own. */
  readonly bucket: string;
  /** NATS servers that keep a copy: 1, or 3 for a cluster of them. */
  readonly replicas: 1 | 3;
  readonly lastGood: LastGoodPolicies;
  readonly log: Log;
  readonly verifyIntervalMs?: number;
}

/**
 * Policies of a cluster in JetStream. Everything is read from memory, filled from the last good copy
 * before NATS answers. Writes need its quorum and fail without. A stream that was made anew, or is
 * behind what is known here, is never believed: what is known stays, and writes are refused.
 */
export class PolicyKv implements PolicyStore {
  readonly #options: PolicyKvOptions;
  readonly #link: NatsLink;
  readonly #book = new PolicyBook();
  readonly clearing = policyClearing({
    book: this.#book,
    verified: () => this.#verified(),
    learned: (revision) => this.#learn(revision),
  });
  readonly #listeners = new Set<(key: ServiceKey) => void>();
  /** Of the stream that `#book` came from; 0 before the first one. */
  #createdMs = 0;
  /** The newest number that the watch told. */
  #toldRevision = 0;
  /** While a stream is read from its start, only the end of it is worth a write. */
  #isCatchingUp = false;
  #bucket: PolicyBucket | undefined;
  #stopFollowing: () => void = () => undefined;
  #cancelVerify: () => void = () => undefined;
  /** Never rejects. */
  #saving: Promise<void> = Promise.resolve();
  #alarm = "";
  /** What stands in the way now, apart from the alarm. */
  #trouble: PolicyTrouble | undefined = withoutConnection({ message: "NATS has not answered yet" });
  /** Why the last connection was of no use, until the news of its end come. */
  #refused: PolicyTrouble | undefined;
  #copies: PolicyCopies | undefined;

  /** Connects in the background. @throws MeshError INVALID_ARGUMENT */
  constructor(options: PolicyKvOptions) {
    this.#options = options;
    const servers = parseServers(options);
    const saved = options.lastGood.load();
    for (const revision of saved?.revisions ?? []) this.#book.record(revision);
    this.#createdMs = saved?.createdMs ?? 0;
    this.#link = new NatsLink({
      servers,
      dial: (server) => dialNats(server, options),
      clock: options.clock,
      random: options.random,
      events: {
        ready: (connection) => this.#ready(connection),
        lost: (_connection, problem) => this.#lose(withoutConnection(problem)),
        replaced: () => undefined,
        problem: (problem) => this.#problem(problem),
        denied: (operation, subject) => {
          this.#trouble = forbidden(operation, subject);
        },
      },
    });
    this.#link.start();
  }

  get state(): PolicyStoreState {
    const { bucket } = this.#options;
    const now = { alarm: this.#alarm, trouble: this.#trouble, copies: this.#copies };
    return policyKvState({ bucket, ...now });
  }

  list(): readonly PolicyRevision[] {
    return this.#book.list();
  }

  get(key: ServiceKey): PolicyRevision | undefined {
    return this.#book.get(key);
  }

  async history(key: ServiceKey): Promise<readonly PolicyRevision[]> {
    return this.#book.history(key);
  }

  watch(listener: (key: ServiceKey) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async write(change: PolicyChange): Promise<PolicyRevision> {
    let cause: unknown;
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      try {
        const stored = await this.#attempt(change);
        if (stored !== undefined) return stored;
      } catch (error) {
        if (error instanceof MeshError) throw error;
        cause = error;
      }
    }
    const why = cause instanceof Error ? cause.message : "others changed it at the same time";
    throw new MeshError(
      "STORAGE_FAILED",
      `NATS did not confirm the change (${why}): without a majority of its servers nothing is stored for sure; read the policy before you try again`,
      { cause, retryAfterMs: 1_000 },
    );
  }

  async close(): Promise<void> {
    this.#lose(withoutConnection({ message: "this server is shutting down" }));
    await this.#link.close();
    await this.#saving;
  }

  /** @returns `undefined` when somebody else was faster, and the caller takes whatever is there. */
  async #attempt(change: PolicyChange): Promise<PolicyRevision | undefined> {
    const { key, policy, expected, changedBy, changeId } = change;
    const bucket = await this.#verified();
    const newest = await bucket.newest(key);
    if (newest !== undefined) this.#learn(newest);
    // An attempt whose answer got lost, or the caller's own repetition.
    if (newest?.changeId === changeId) return newest;
    this.#book.admit(key, expected);
    const changedAtMs = this.#options.clock.wallMs();
    const decided = { key, policy, changedAtMs, changedBy, changeId };
    const revision = await bucket.put(decided, newest?.revision ?? 0);
    if (revision === undefined) {
      if (expected === "") return undefined;
      const present = await bucket.newest(key);
      if (present?.changeId === changeId) return present;
      throw etagMismatch(key, expected, present?.policy === undefined ? undefined : present);
    }
    const stored = { ...decided, revision, etag: etagOf(bucket.createdMs, revision) };
    this.#learn(stored);
    return stored;
  }

  /** Compared with the stream just now. @throws MeshError STORAGE_FAILED */
  async #verified(): Promise<PolicyBucket> {
    await this.#verify(this.#writable());
    return this.#writable();
  }

  /** @throws MeshError STORAGE_FAILED with what stands in the way */
  #writable(): PolicyBucket {
    const bucket = this.#bucket;
    if (bucket !== undefined && this.#alarm === "") return bucket;
    throw new MeshError("STORAGE_FAILED", this.state.problem, { retryAfterMs: 2_000 });
  }

  /** Rejects when this connection is of no use for policies. */
  async #ready(connection: NatsConnection): Promise<void> {
    const { clock } = this.#options;
    try {
      await withinTime(this.#open(connection), OPEN_LIMIT_MS, clock, "reading policies");
    } catch (error) {
      this.#refused = policyTrouble(error);
      throw error;
    }
  }

  #problem(problem: BusProblem): void {
    if (this.#bucket === undefined) this.#trouble = this.#refused ?? withoutConnection(problem);
    this.#refused = undefined;
  }

  async #open(connection: NatsConnection): Promise<void> {
    const bucket = await PolicyBucket.open(connection, this.#options);
    const { createdMs, lastRevision, isEmpty } = await this.#look(bucket);
    this.#judge(createdMs, lastRevision);
    if (this.#alarm === "") {
      this.#createdMs = createdMs;
      await this.#follow(bucket, isEmpty ? 0 : lastRevision);
    }
    this.#bucket = bucket;
    this.#trouble = undefined;
    this.#verifyLater(bucket);
  }

  /** Resolves when everything up to `lastRevision` was told. */
  async #follow(bucket: PolicyBucket, lastRevision: number): Promise<void> {
    this.#stopFollowing();
    this.#toldRevision = 0;
    this.#isCatchingUp = true;
    try {
      const caughtUp = Promise.withResolvers<void>();
      if (lastRevision === 0) caughtUp.resolve();
      this.#stopFollowing = await bucket.follow((number, content) => {
        this.#toldRevision = Math.max(this.#toldRevision, number);
        if (content !== undefined) this.#learn(content);
        if (number >= lastRevision) caughtUp.resolve();
      });
      await caughtUp.promise;
    } finally {
      this.#isCatchingUp = false;
      this.#save();
    }
  }

  #verifyLater(bucket: PolicyBucket): void {
    const { clock, verifyIntervalMs = VERIFY_INTERVAL_MS } = this.#options;
    this.#cancelVerify();
    this.#cancelVerify = clock.after(verifyIntervalMs, () => {
      this.#verify(bucket)
        .catch((error: unknown) => {
          if (this.#bucket === bucket) this.#trouble = policyTrouble(error);
        })
        .finally(() => {
          if (this.#bucket === bucket) this.#verifyLater(bucket);
        });
    });
  }

  async #verify(bucket: PolicyBucket): Promise<void> {
    const { createdMs, lastRevision, isEmpty } = await this.#look(bucket);
    if (this.#bucket !== bucket) return;
    this.#trouble = undefined;
    this.#judge(createdMs, lastRevision);
    if (this.#alarm !== "" || isEmpty || lastRevision <= this.#toldRevision) return;
    this.#options.log.warn(
      { lastRevision, told: this.#toldRevision },
      "the watch of policies had broken: it starts anew",
    );
    await this.#follow(bucket, lastRevision);
  }

  async #look(bucket: PolicyBucket): Promise<BucketState> {
    const state = await bucket.state();
    this.#copies = { ...state.copies, serverCount: this.#options.servers.length };
    return state;
  }

  #judge(createdMs: number, lastRevision: number): void {
    const former = this.#alarm;
    const known = { createdMs: this.#createdMs, lastRevision: this.#book.lastRevision };
    const count = this.#book.list().length;
    const { bucket } = this.#options;
    this.#alarm = replacedAlarm({ bucket, count, known, found: { createdMs, lastRevision } });
    if (this.#alarm === "" || this.#alarm === former) return;
    this.#options.log.error({ bucket }, this.#alarm);
  }

  #learn(revision: PolicyRevision): void {
    if (this.#book.record(revision)) {
      for (const listener of [...this.#listeners]) listener(revision.key);
    }
    if (!this.#isCatchingUp) this.#save();
  }

  #save(): void {
    const { lastGood, log } = this.#options;
    if (this.#book.lastRevision === 0) return;
    const saved = { createdMs: this.#createdMs, revisions: this.#book.revisions() };
    this.#saving = lastGood.save(saved).catch((error: unknown) => {
      log.error({ err: error }, "the last good copy of policies could not be written");
    });
  }

  #lose(trouble: PolicyTrouble): void {
    this.#bucket = undefined;
    this.#stopFollowing();
    this.#cancelVerify();
    this.#trouble = trouble;
  }
}
