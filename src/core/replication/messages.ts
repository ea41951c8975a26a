import type { OriginPosition } from "../discovery/seen-positions.ts";
import type { Digest } from "../model/digest.ts";
import type { Call, CallReply } from "./calls.ts";
import type { Origin, ReceivedEntry } from "./entry.ts";

/** What replicas say to each other; `io/wire` turns these into bytes and back. */
export type ReplicationMessage =
  | DeltaBatch
  | Heartbeat
  | PullRequest
  | PullChunk
  | Control
  | Call
  | CallReply;

/** Changes of one origin. Each entry counts one in the sequence: `entries` has `seq - prevSeq`. */
export interface DeltaBatch {
  readonly type: "delta";
  readonly origin: Origin;
  /** Sequence before the first of the entries. */
  readonly prevSeq: number;
  readonly seq: number;
  readonly entries: readonly ReceivedEntry[];
  /** When a registration is told to have gone to another origin: how far the sender has heard all of them. */
  readonly known: readonly OriginPosition[];
}

/** How far a replica's copy of an origin is. */
export interface AppliedPosition extends Origin {
  readonly seq: number;
  /** The latest epoch that it heard of, copied or not: what a lower one says is not listened to. */
  readonly heardEpoch: number;
  /** How long ago it heard that origin's replica: who is listed here as silent is not heard. */
  readonly silentMs: number;
}

/** Each second, of every replica. */
export interface Heartbeat {
  readonly type: "heartbeat";
  readonly origin: Origin;
  readonly seq: number;
  /** Of the origin's set at `seq`. */
  readonly digest: Digest;
  /** The sender's wall clock, to show offsets; nothing is timed by it. */
  readonly wallMs: number;
  readonly applied: readonly AppliedPosition[];
  /** Where agents and clients reach the replica, `host:port`. */
  readonly address: string;
  readonly softwareVersion: string;
  readonly flags: MemberFlags;
}

export interface MemberFlags {
  /** It hands its clients over and will go. */
  readonly isLeaving: boolean;
  /** It hears too few others to judge anybody. */
  readonly isIsolated: boolean;
  /** Its answers are complete. */
  readonly isSettled: boolean;
}

/**
 * What a puller lacks. `from-seq`: the entries after a sequence. `vector`: the sums of all buckets.
 * `buckets`: the records of some. `full`: all records.
 */
export type PullWant =
  | { readonly kind: "from-seq"; readonly seq: number }
  | { readonly kind: "vector" }
  | { readonly kind: "buckets"; readonly buckets: readonly number[] }
  | { readonly kind: "full" };

/** Asks for one chunk of a session; the first one opens it. */
export interface PullRequest {
  readonly type: "pull-request";
  /** Whose records. */
  readonly origin: Origin;
  readonly requester: string;
  /** Unique among the requester's sessions. */
  readonly session: number;
  readonly want: PullWant;
  /** From 0. */
  readonly chunk: number;
}

/**
 * `too-old`: the entries after that sequence are no longer kept. `other-epoch`: the server holds
 * another epoch of that origin, or none. `unknown-session`: it was forgotten; begin anew.
 */
export type PullStatus = "ok" | "too-old" | "other-epoch" | "unknown-session";

/** One chunk of a session. All chunks of a session are of one moment. */
export interface PullChunk {
  readonly type: "pull-chunk";
  readonly origin: Origin;
  readonly session: number;
  readonly status: PullStatus;
  readonly chunk: number;
  readonly chunkCount: number;
  /** The sequence that the session's content is of. */
  readonly seq: number;
  readonly entries: readonly ReceivedEntry[];
  /** For `vector`, else empty. */
  readonly vector: BigUint64Array;
  /** `full`, `buckets`: of the records of all chunks. Else of the set at `seq`. */
  readonly digest: Digest;
  /** How far the server has heard all origins: what left may have gone to another one by then. */
  readonly known: readonly OriginPosition[];
}

/** Said once: `leave`: this replica goes, having handed over its clients; no grace is needed. */
export interface Control {
  readonly type: "control";
  readonly origin: Origin;
  readonly kind: "leave";
}
