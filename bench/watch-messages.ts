/**
 * The least that a watcher must know of a message, read without decoding it: what the ACK
 * needs. Every watcher of a round gets the same bytes, so the answer is found by comparing
 * them with the last ones; the raw client pays for the same comparison.
 */
import {
  ResourceType,
  UpdateKind,
  WatcherRole,
  WatchRequest,
  WatchResponse,
} from "../src/gen/weir/v1/discovery.ts";

/** What a message is to the bench. */
export interface Seen {
  readonly bytes: Buffer;
  readonly isHeartbeat: boolean;
  /** The last answer to a subscription: a resumed, absent or complete snapshot of endpoints. */
  readonly isAnswer: boolean;
  /** A change of endpoints after that. */
  readonly isChange: boolean;
  /** Names the resource, for cumulative ACKs. */
  readonly resource: string;
  /** One `Acknowledge.acks` entry with its tag, to be joined with others. */
  readonly ackEntry: Buffer | undefined;
  /** A whole `WatchRequest` that acknowledges only this. */
  readonly ackRequest: Buffer | undefined;
}

/** Recently seen messages; a round has one, an opening twenty. */
const CACHE_SIZE = 64;

/** Finds out what bytes are; the newest ones first. */
export class MessageReader {
  readonly #cache: Seen[] = [];
  #next = 0;
  #last: Seen | undefined;

  read(bytes: Buffer): Seen {
    if (this.#last?.bytes.equals(bytes)) return this.#last;
    let seen = this.#cache.find((candidate) => candidate.bytes.equals(bytes));
    if (seen === undefined) {
      seen = decode(Buffer.from(bytes));
      this.#cache[this.#next] = seen;
      this.#next = (this.#next + 1) % CACHE_SIZE;
    }
    this.#last = seen;
    return seen;
  }
}

function decode(bytes: Buffer): Seen {
  const { message } = WatchResponse.decode(bytes);
  const isHeartbeat = message?.$case === "heartbeat";
  if (message?.$case !== "update") {
    return {
      bytes,
      isHeartbeat,
      isAnswer: false,
      isChange: false,
      resource: "",
      ackEntry: undefined,
      ackRequest: undefined,
    };
  }
  const { type, namespace, service, version, chunk, kind, lastChunk } = message.value;
  const nonce = { type, namespace, service, version, chunk };
  const acknowledge = { acks: [{ nonce, rejected: [], digestMismatch: false, held: false }] };
  const ackRequest = encode({ message: { $case: "acknowledge", value: acknowledge } });
  const isEndpoints = type === ResourceType.RESOURCE_TYPE_ENDPOINTS;
  const isChange = isEndpoints && kind === UpdateKind.UPDATE_KIND_DELTA;
  return {
    bytes,
    isHeartbeat,
    isAnswer: isEndpoints && !isChange && kind !== UpdateKind.UPDATE_KIND_PENDING && lastChunk,
    isChange,
    resource: `${type} ${namespace}/${service}`,
    ackEntry: withoutEnvelope(ackRequest),
    ackRequest,
  };
}

/** A `WatchRequest` of one `acknowledge` is a tag, a length and the entries. */
function withoutEnvelope(request: Buffer): Buffer {
  let start = 1;
  while (((request[start] ?? 0) & 0x80) !== 0) start++;
  return request.subarray(start + 1);
}

/** One request that acknowledges several resources. */
export function joinAcks(entries: readonly Buffer[]): Buffer {
  const body = Buffer.concat(entries);
  const header: number[] = [ACKNOWLEDGE_TAG];
  let length = body.length;
  for (; length > 0x7f; length >>>= 7) header.push((length & 0x7f) | 0x80);
  header.push(length);
  return Buffer.concat([Buffer.from(header), body]);
}

/** `WatchRequest.acknowledge`: field 4, length-delimited. */
const ACKNOWLEDGE_TAG = (4 << 3) | 2;

export function helloBytes(agentId: string): Buffer {
  return encode({
    message: {
      $case: "hello",
      value: {
        agentId,
        role: WatcherRole.WATCHER_ROLE_DATA_PLANE,
        locality: undefined,
        softwareVersion: "bench",
        capabilities: [],
        seen: [],
      },
    },
  });
}

export function subscribeBytes(services: readonly string[]): Buffer {
  const subscriptions = services.map((service) => ({
    namespace: "default",
    service,
    resume: undefined,
  }));
  return encode({ message: { $case: "subscribe", value: { all: false, subscriptions } } });
}

export function heartbeatBytes(sequence: bigint): Buffer {
  return encode({ message: { $case: "heartbeat", value: { sequence } } });
}

function encode(request: WatchRequest): Buffer {
  return Buffer.from(WatchRequest.encode(request).finish());
}
