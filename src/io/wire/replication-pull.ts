import type { OriginPosition } from "../../core/discovery/seen-positions.ts";
import type { Digest } from "../../core/model/digest.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { Origin } from "../../core/replication/entry.ts";
import type {
  PullChunk,
  PullRequest,
  PullStatus,
  PullWant,
} from "../../core/replication/messages.ts";
import { BUCKET_COUNT } from "../../core/replication/origin-set.ts";
import {
  type PullChunk as ChunkMessage,
  type Digest as DigestMessage,
  type KnownPosition as KnownMessage,
  type Origin as OriginMessage,
  type PullRequest as RequestMessage,
  PullStatus as StatusCode,
} from "../../gen/weir/replication/v1/replication.ts";
import { decodeEntry, encodeEntry } from "./replicated-entry.ts";
import { wholeNumber } from "./whole-number.ts";

/** As long as the name of a replica may be. */
const MAX_REPLICA_ID = 128;

export function originToWire({ replicaId, epoch }: Origin): OriginMessage {
  return { replicaId, epoch: BigInt(epoch) };
}

/** @throws Error for what is no origin */
export function originFromWire(message: OriginMessage | undefined): Origin {
  const { replicaId = "", epoch = 0n } = message ?? {};
  if (replicaId === "" || replicaId.length > MAX_REPLICA_ID) throw garbage("no origin is named");
  return { replicaId, epoch: wholeNumber(epoch, "epoch") };
}

export function digestToWire({ count, sum }: Digest): DigestMessage {
  return { count: BigInt(count), sum };
}

export function digestFromWire(message: DigestMessage | undefined): Digest {
  return { count: wholeNumber(message?.count ?? 0n, "count"), sum: message?.sum ?? 0n };
}

export function requestToWire(request: PullRequest): RequestMessage {
  return {
    origin: originToWire(request.origin),
    requester: request.requester,
    session: BigInt(request.session),
    chunk: request.chunk,
    want: wantToWire(request.want),
  };
}

/** @throws Error for what is no request */
export function requestFromWire(message: RequestMessage): PullRequest {
  return {
    type: "pull-request",
    origin: originFromWire(message.origin),
    requester: message.requester,
    session: wholeNumber(message.session, "session"),
    chunk: message.chunk,
    want: wantFromWire(message.want),
  };
}

function wantToWire(want: PullWant): RequestMessage["want"] {
  switch (want.kind) {
    case "from-seq":
      return { $case: "fromSeq", value: BigInt(want.seq) };
    case "vector":
      return { $case: "vector", value: {} };
    case "buckets":
      return { $case: "buckets", value: { buckets: [...want.buckets] } };
    case "full":
      return { $case: "full", value: {} };
  }
}

function wantFromWire(want: RequestMessage["want"]): PullWant {
  switch (want?.$case) {
    case "fromSeq":
      return { kind: "from-seq", seq: wholeNumber(want.value, "from_seq") };
    case "vector":
      return { kind: "vector" };
    case "buckets": {
      const buckets = [...new Set(want.value.buckets)];
      if (buckets.some((bucket) => bucket >= BUCKET_COUNT))
        throw garbage("a bucket does not exist");
      return { kind: "buckets", buckets };
    }
    case "full":
      return { kind: "full" };
    default:
      throw garbage("a pull asks for something unknown");
  }
}

export function chunkToWire(chunk: PullChunk): ChunkMessage {
  return {
    origin: originToWire(chunk.origin),
    session: BigInt(chunk.session),
    status: STATUS_CODES[chunk.status],
    chunk: chunk.chunk,
    chunkCount: chunk.chunkCount,
    seq: BigInt(chunk.seq),
    entries: chunk.entries.map(encodeEntry),
    vector: [...chunk.vector],
    digest: digestToWire(chunk.digest),
    known: chunk.known.map(knownToWire),
  };
}

/** @throws Error for what is no chunk */
export function chunkFromWire(message: ChunkMessage): PullChunk {
  const { vector } = message;
  if (vector.length !== 0 && vector.length !== BUCKET_COUNT) throw garbage("buckets are missing");
  return {
    type: "pull-chunk",
    origin: originFromWire(message.origin),
    session: wholeNumber(message.session, "session"),
    status: statusFromWire(message.status),
    chunk: message.chunk,
    chunkCount: message.chunkCount,
    seq: wholeNumber(message.seq, "seq"),
    entries: message.entries.map(decodeEntry),
    vector: BigUint64Array.from(vector),
    digest: digestFromWire(message.digest),
    known: message.known.map(knownFromWire),
  };
}

export function knownToWire({ sequence, ...origin }: OriginPosition): KnownMessage {
  return { origin: originToWire(origin), seq: BigInt(sequence) };
}

/** @throws Error for what is no position */
export function knownFromWire({ origin, seq }: KnownMessage): OriginPosition {
  return { ...originFromWire(origin), sequence: wholeNumber(seq, "seq") };
}

const STATUS_CODES: Readonly<Record<PullStatus, StatusCode>> = {
  ok: StatusCode.PULL_STATUS_OK,
  "too-old": StatusCode.PULL_STATUS_TOO_OLD,
  "other-epoch": StatusCode.PULL_STATUS_OTHER_EPOCH,
  "unknown-session": StatusCode.PULL_STATUS_UNKNOWN_SESSION,
};

/** A refusal that is not known here means to begin anew. */
function statusFromWire(code: StatusCode): PullStatus {
  switch (code) {
    case StatusCode.PULL_STATUS_OK:
      return "ok";
    case StatusCode.PULL_STATUS_TOO_OLD:
      return "too-old";
    case StatusCode.PULL_STATUS_OTHER_EPOCH:
      return "other-epoch";
    default:
      return "unknown-session";
  }
}

function garbage(what: string): MeshError {
  return new MeshError("PROTOCOL_VIOLATION", `${what}; did a Weir replica send it?`);
}
