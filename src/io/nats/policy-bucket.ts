import {
  headers,
  type JetStreamClient,
  type JetStreamManager,
  JsHeaders,
  type KV,
  type KvEntry,
  KvWatchInclude,
  type NatsConnection,
  NatsError,
  StorageType,
  type StreamInfo,
} from "nats";
import { type ServiceKey, splitServiceKey } from "../../core/model/names.ts";
import type { Random } from "../../core/model/random.ts";
import { MAX_REVISIONS, type PolicyRevision } from "../../core/policies/service-policy.ts";
import type { Clock } from "../../ports/clock.ts";
import { revisionFromJson, revisionToJson } from "../wire/policy-json.ts";
import { TooLateError } from "./within-time.ts";

/** A quorum answers within milliseconds; a leader's election takes a second or two, and then a retry finds it. */
const ANSWER_WITHIN_MS = 1_500;

/** "wrong last sequence". Source: nats-server, server/errors.json. */
const WRONG_LAST_SEQUENCE = 10071;

/** "stream name already in use with a different configuration": somebody else made it a moment ago. */
const NAME_IN_USE = 10058;

/**
 * What a stream is known by stands in its configuration. When it was made is no mark: when several
 * replicas make it at once, each NATS server can remember another time, and tells it once it leads.
 */
const DESCRIPTION = /^Weir policies (\d{1,16})$/;

export interface BucketOptions {
  readonly bucket: string;
  /** Servers that keep a copy: 1, or 3 for a cluster. */
  readonly replicas: number;
  readonly clock: Clock;
  readonly random: Random;
}

/** Which stream is behind the bucket, and how far it is. */
export interface BucketState {
  /** What the stream is known by: when it was made, in a unit of whoever made it. */
  readonly createdMs: number;
  readonly lastRevision: number;
  readonly isEmpty: boolean;
  /** Servers that are to keep a copy, and those that are up to date by the word of their leader. */
  readonly copies: { readonly wanted: number; readonly current: number };
}

export type NewRevision = Omit<PolicyRevision, "revision" | "etag">;

/** Policies in a JetStream key-value bucket, over one connection. Its promises reject when that is gone. */
export class PolicyBucket {
  readonly #jetStream: JetStreamClient;
  readonly #kv: KV;
  readonly #manager: JetStreamManager;
  readonly #bucket: string;
  readonly createdMs: number;

  private constructor(
    bucket: string,
    jetStream: JetStreamClient,
    { kv, manager }: { readonly kv: KV; readonly manager: JetStreamManager },
    createdMs: number,
  ) {
    this.#bucket = bucket;
    this.#jetStream = jetStream;
    this.#kv = kv;
    this.#manager = manager;
    this.createdMs = createdMs;
  }

  /** Makes the bucket when there is none. */
  static async open(connection: NatsConnection, options: BucketOptions): Promise<PolicyBucket> {
    const jetStream = connection.jetstream({ timeout: ANSWER_WITHIN_MS });
    const manager = await connection.jetstreamManager({ timeout: ANSWER_WITHIN_MS });
    const kv = await bucketOf(jetStream, options);
    const info = await manager.streams.info(streamOf(options.bucket));
    return new PolicyBucket(options.bucket, jetStream, { kv, manager }, identityOf(info));
  }

  async state(): Promise<BucketState> {
    const info = await this.#manager.streams.info(streamOf(this.#bucket));
    const { state, config, cluster } = info;
    // After a restart a server tells what it has itself, which may be old.
    if (cluster !== undefined && !cluster.leader) throw new TooLateError("there is no leader");
    const { last_seq: lastRevision, messages } = state;
    const followers = cluster?.replicas?.filter(({ current, offline }) => current && !offline);
    return {
      createdMs: identityOf(info),
      lastRevision,
      isEmpty: messages === 0,
      // A server without a cluster is its own leader.
      copies: { wanted: config.num_replicas, current: (followers?.length ?? 0) + 1 },
    };
  }

  /** What was decided last of a service. */
  async newest(key: ServiceKey): Promise<PolicyRevision | undefined> {
    const entry = await this.#kv.get(entryKey(key));
    return entry === null ? undefined : this.#decode(entry);
  }

  /** @returns its number; `undefined` when something newer than `previous` is there. */
  async put(revision: NewRevision, previous: number): Promise<number | undefined> {
    const value = Buffer.from(revisionToJson(revision));
    return ifFresh(this.#kv.put(entryKey(revision.key), value, { previousSeq: previous }));
  }

  /**
   * The same, and everything older of that service is gone in the same step.
   * @returns its number; `undefined` when something newer than `previous` is there.
   */
  async putAlone(revision: NewRevision, previous: number): Promise<number | undefined> {
    const rollUp = headers();
    rollUp.set(JsHeaders.RollupHdr, JsHeaders.RollupValueSubject);
    const subject = `$KV.${this.#bucket}.${entryKey(revision.key)}`;
    const written = this.#jetStream.publish(subject, Buffer.from(revisionToJson(revision)), {
      headers: rollUp,
      expect: { lastSubjectSequence: previous },
    });
    return ifFresh(written.then(({ seq }) => seq));
  }

  /**
   * Tells all revisions that are kept, then each new one, in order. @returns stops it.
   * @param told with the revision's number and what it says; `undefined` for what is none of ours.
   */
  async follow(
    told: (revision: number, content: PolicyRevision | undefined) => void,
  ): Promise<() => void> {
    const entries = await this.#kv.watch({ include: KvWatchInclude.AllHistory });
    const read = async (): Promise<void> => {
      for await (const entry of entries) told(entry.revision, this.#decode(entry));
    };
    // An end without a stop is found by whoever compares what was told with `state`.
    read().catch(() => undefined);
    return () => entries.stop();
  }

  #decode(entry: KvEntry): PolicyRevision | undefined {
    try {
      const revision = revisionFromJson(entry.string(), entry.revision, this.createdMs);
      return entryKey(revision.key) === entry.key ? revision : undefined;
    } catch {
      return undefined;
    }
  }
}

/** Makes it when there is none; of several who do so at once one succeeds. */
async function bucketOf(jetStream: JetStreamClient, options: BucketOptions): Promise<KV> {
  const { bucket, replicas, clock, random } = options;
  const identity = Math.floor(clock.wallMs()) * 1_000 + Math.floor(random() * 1_000);
  const open = (): Promise<KV> =>
    jetStream.views.kv(bucket, {
      history: MAX_REVISIONS,
      replicas,
      storage: StorageType.File,
      // Reads go to the leader: what another replica wrote a moment ago is seen.
      allow_direct: false,
      timeout: ANSWER_WITHIN_MS,
      description: `Weir policies ${identity}`,
    });
  try {
    return await open();
  } catch (error) {
    if (error instanceof NatsError && error.api_error?.err_code === NAME_IN_USE) return open();
    throw error;
  }
}

/** One that somebody made by hand is known by its time. */
function identityOf({ config, created }: Pick<StreamInfo, "config" | "created">): number {
  const [, identity] = DESCRIPTION.exec(config.description ?? "") ?? [];
  return identity === undefined ? Date.parse(created) : Number(identity);
}

/** As clients of NATS call it. */
function streamOf(bucket: string): string {
  return `KV_${bucket}`;
}

/** `undefined` when something else is there than was expected. */
async function ifFresh(written: Promise<number>): Promise<number | undefined> {
  try {
    return await written;
  } catch (error) {
    const isStale = error instanceof NatsError && error.api_error?.err_code === WRONG_LAST_SEQUENCE;
    if (isStale) return undefined;
    throw error;
  }
}

/** Names hold no dot, so the key is unambiguous. */
function entryKey(key: ServiceKey): string {
  const { namespace, service } = splitServiceKey(key);
  return `${namespace}.${service}`;
}
