import { MeshError } from "../../core/model/mesh-error.ts";
import type {
  AppliedPosition,
  Control,
  DeltaBatch,
  Heartbeat,
  ReplicationMessage,
} from "../../core/replication/messages.ts";
import {
  type AppliedPosition as AppliedMessage,
  ControlKind,
  type Control as ControlMessage,
  type DeltaBatch as DeltaMessage,
  Envelope,
  type Heartbeat as HeartbeatMessage,
} from "../../gen/weir/replication/v1/replication.ts";
import { decodeEntry, encodeEntry } from "./replicated-entry.ts";
import { callFromWire, callToWire, replyFromWire, replyToWire } from "./replication-calls.ts";
import {
  chunkFromWire,
  chunkToWire,
  digestFromWire,
  digestToWire,
  knownFromWire,
  knownToWire,
  originFromWire,
  originToWire,
  requestFromWire,
  requestToWire,
} from "./replication-pull.ts";
import { wholeNumber } from "./whole-number.ts";

const PROTOCOL_VERSION = 1;

/**
 * Why bytes are no message for us. `garbage`: nothing that a replica sends. `other-cluster`: of
 * another cluster on the same bus. `newer`: a version, or a kind of message, that we do not know.
 */
export interface ReplicationProblem {
  readonly kind: "garbage" | "other-cluster" | "newer";
  /** For people. */
  readonly message: string;
}

export type DecodedReplication =
  | { readonly isGood: true; readonly message: ReplicationMessage }
  | { readonly isGood: false; readonly problem: ReplicationProblem };

/** The bytes of messages between the replicas of one cluster. */
export class ReplicationWire {
  readonly #cluster: string;
  readonly #problem: (problem: ReplicationProblem) => void;

  /** @param problem told of each message that `decode` refuses; called often when somebody floods the bus */
  constructor(cluster: string, problem: (problem: ReplicationProblem) => void = () => undefined) {
    this.#cluster = cluster;
    this.#problem = problem;
  }

  encode(message: ReplicationMessage): Uint8Array {
    const cluster = this.#cluster;
    const envelope = { cluster, protocolVersion: PROTOCOL_VERSION, message: toWire(message) };
    return Envelope.encode(envelope).finish();
  }

  /** Never throws. Keeps nothing of the bytes. @returns `undefined` for what is no message for us */
  decode(bytes: Uint8Array): ReplicationMessage | undefined {
    const decoded = decodeReplication(this.#cluster, bytes);
    if (decoded.isGood) return decoded.message;
    this.#problem(decoded.problem);
    return undefined;
  }
}

/** Never throws: whoever can publish on the bus can publish anything. Keeps nothing of the bytes. */
export function decodeReplication(cluster: string, bytes: Uint8Array): DecodedReplication {
  try {
    const envelope = Envelope.decode(bytes);
    if (envelope.cluster !== cluster) {
      return refused("other-cluster", `is of cluster "${envelope.cluster.slice(0, 64)}"`);
    }
    if (envelope.protocolVersion !== PROTOCOL_VERSION) {
      return refused("newer", `has protocol version ${envelope.protocolVersion}, not 1`);
    }
    if (envelope.message === undefined) return refused("newer", "is of an unknown kind");
    return { isGood: true, message: fromWire(envelope.message) };
  } catch (error) {
    return refused("garbage", error instanceof Error ? error.message : "cannot be read");
  }
}

function refused(kind: ReplicationProblem["kind"], message: string): DecodedReplication {
  return { isGood: false, problem: { kind, message } };
}

function toWire(message: ReplicationMessage): Envelope["message"] {
  switch (message.type) {
    case "delta":
      return { $case: "delta", value: deltaToWire(message) };
    case "heartbeat":
      return { $case: "heartbeat", value: heartbeatToWire(message) };
    case "pull-request":
      return { $case: "pullRequest", value: requestToWire(message) };
    case "pull-chunk":
      return { $case: "pullChunk", value: chunkToWire(message) };
    case "control":
      return {
        $case: "control",
        value: { origin: originToWire(message.origin), kind: ControlKind.CONTROL_KIND_LEAVE },
      };
    case "call":
      return { $case: "call", value: callToWire(message) };
    case "call-reply":
      return { $case: "callReply", value: replyToWire(message) };
  }
}

function fromWire(message: NonNullable<Envelope["message"]>): ReplicationMessage {
  switch (message.$case) {
    case "delta":
      return deltaFromWire(message.value);
    case "heartbeat":
      return heartbeatFromWire(message.value);
    case "pullRequest":
      return requestFromWire(message.value);
    case "pullChunk":
      return chunkFromWire(message.value);
    case "control":
      return controlFromWire(message.value);
    case "call":
      return callFromWire(message.value);
    case "callReply":
      return replyFromWire(message.value);
  }
}

function deltaToWire({ origin, prevSeq, seq, entries, known }: DeltaBatch): DeltaMessage {
  return {
    origin: originToWire(origin),
    prevSeq: BigInt(prevSeq),
    seq: BigInt(seq),
    entries: entries.map(encodeEntry),
    known: known.map(knownToWire),
  };
}

function deltaFromWire(message: DeltaMessage): DeltaBatch {
  const prevSeq = wholeNumber(message.prevSeq, "prev_seq");
  const seq = wholeNumber(message.seq, "seq");
  if (seq - prevSeq !== message.entries.length) {
    throw new MeshError("PROTOCOL_VIOLATION", "a batch has not the entries that it counts");
  }
  const origin = originFromWire(message.origin);
  const entries = message.entries.map(decodeEntry);
  return { type: "delta", origin, prevSeq, seq, entries, known: message.known.map(knownFromWire) };
}

function heartbeatToWire(heartbeat: Heartbeat): HeartbeatMessage {
  const { isLeaving, isIsolated, isSettled } = heartbeat.flags;
  return {
    origin: originToWire(heartbeat.origin),
    seq: BigInt(heartbeat.seq),
    digest: digestToWire(heartbeat.digest),
    wallMs: BigInt(Math.max(0, Math.floor(heartbeat.wallMs))),
    applied: heartbeat.applied.map(appliedToWire),
    address: heartbeat.address,
    softwareVersion: heartbeat.softwareVersion,
    leaving: isLeaving,
    isolated: isIsolated,
    settled: isSettled,
  };
}

function heartbeatFromWire(message: HeartbeatMessage): Heartbeat {
  const { leaving, isolated, settled } = message;
  return {
    type: "heartbeat",
    origin: originFromWire(message.origin),
    seq: wholeNumber(message.seq, "seq"),
    digest: digestFromWire(message.digest),
    wallMs: wholeNumber(message.wallMs, "wall_ms"),
    applied: message.applied.map(appliedFromWire),
    address: message.address,
    softwareVersion: message.softwareVersion,
    flags: { isLeaving: leaving, isIsolated: isolated, isSettled: settled },
  };
}

function appliedToWire(applied: AppliedPosition): AppliedMessage {
  const silentMs = BigInt(Math.max(0, Math.floor(applied.silentMs)));
  const { seq, heardEpoch } = applied;
  return {
    ...{ origin: originToWire(applied), seq: BigInt(seq), silentMs },
    heardEpoch: BigInt(heardEpoch),
  };
}

function appliedFromWire(message: AppliedMessage): AppliedPosition {
  return {
    ...originFromWire(message.origin),
    seq: wholeNumber(message.seq, "seq"),
    silentMs: wholeNumber(message.silentMs, "silent_ms"),
    heardEpoch: wholeNumber(message.heardEpoch, "heard_epoch"),
  };
}

function controlFromWire({ origin, kind }: ControlMessage): Control {
  if (kind !== ControlKind.CONTROL_KIND_LEAVE) {
    throw new MeshError("PROTOCOL_VIOLATION", "a replica says something unknown of itself");
  }
  return { type: "control", origin: originFromWire(origin), kind: "leave" };
}
