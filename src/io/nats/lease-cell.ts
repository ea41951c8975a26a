import { type KV, type NatsConnection, NatsError, StorageType } from "nats";
import type { LeaseCell } from "../../ports/leadership.ts";
import { dialNats, type NatsDialOptions } from "./nats-dial.ts";
import { NatsLink } from "./nats-link.ts";
import { parseServers } from "./nats-settings.ts";
import { withinTime } from "./within-time.ts";

/** Well below a third of the shortest lease that makes sense: a slow answer costs one renewal. */
const ANSWER_WITHIN_MS = 1_500;

/** "wrong last sequence". Source: nats-server, server/errors.json. */
const WRONG_LAST_SEQUENCE = 10071;

export interface LeaseCellOptions extends NatsDialOptions {
  /** A bucket of its own: renewals would push policies out of the history. */
  readonly bucket: string;
  /** The job; one cell each. */
  readonly job: string;
  /** NATS servers that keep a copy: 1, or 3 for a cluster of them. */
  readonly replicas: 1 | 3;
}

/**
 * A cell in a JetStream key-value bucket. Reads and writes go to the stream's leader, so that a
 * server that was cut off answers neither. @throws MeshError INVALID_ARGUMENT for a bad URL
 */
export function natsLeaseCell(options: LeaseCellOptions): LeaseCell {
  const { clock, random, job } = options;
  let kv: KV | undefined;
  let problem = "there is no connection to NATS yet";
  const link = new NatsLink({
    servers: parseServers(options),
    dial: (server) => dialNats(server, options),
    clock,
    random,
    events: {
      async ready(connection) {
        kv = await withinTime(
          openBucket(connection, options),
          2 * ANSWER_WITHIN_MS,
          clock,
          "asking",
        );
      },
      lost(_connection, { message }) {
        kv = undefined;
        problem = message;
      },
      replaced: () => undefined,
      // Whoever asks is told: what counts is not to be answered, whatever the reason is.
      problem({ message }) {
        problem = message;
      },
      denied(operation, subject) {
        problem = `NATS forbids to ${operation} ${subject}`;
      },
    },
  });
  link.start();
  const ask = <T>(question: (bucket: KV) => Promise<T>): Promise<T> => {
    if (kv === undefined) return Promise.reject(new Error(problem));
    return withinTime(question(kv), 2 * ANSWER_WITHIN_MS, clock, "the lease");
  };
  return {
    async read() {
      const entry = await ask((bucket) => bucket.get(job));
      return entry === null ? undefined : { revision: entry.revision, value: entry.string() };
    },
    async write(value, previousSeq) {
      try {
        return await ask((bucket) => bucket.put(job, Buffer.from(value), { previousSeq }));
      } catch (error) {
        const isStale =
          error instanceof NatsError && error.api_error?.err_code === WRONG_LAST_SEQUENCE;
        if (isStale) return undefined;
        throw error;
      }
    },
    close: () => link.close(),
  };
}

function openBucket(
  connection: NatsConnection,
  { bucket, replicas }: LeaseCellOptions,
): Promise<KV> {
  return connection.jetstream({ timeout: ANSWER_WITHIN_MS }).views.kv(bucket, {
    history: 1,
    replicas,
    storage: StorageType.File,
    allow_direct: false,
    timeout: ANSWER_WITHIN_MS,
  });
}
