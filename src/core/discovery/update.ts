import type { Digest } from "../model/digest.ts";
import type { Endpoint, Removal } from "../model/endpoint.ts";
import type { ServiceDefaults } from "../model/instance.ts";
import type { OriginPosition } from "./seen-positions.ts";

/**
 * What travels down a Watch stream about one resource, in core's words. Versions are one
 * sequence per replica epoch; `io/wire` turns these into bytes and back.
 */
export type Update = ServiceUpdate | EndpointsUpdate;

/** A service's record. Always complete; comes before the service's endpoints. */
export interface ServiceUpdate {
  readonly type: "service";
  readonly namespace: string;
  readonly service: string;
  readonly version: number;
  readonly settled: boolean;
  /** `undefined` while no instance said anything about its service. */
  readonly defaults: ServiceDefaults | undefined;
}

/**
 * - `pending`: the server has not heard everybody; keep what you have.
 * - `resumed`: you hold the set of this version: the current one, unless a delta follows.
 * - `delta`: apply to what you hold at `fromVersion`.
 * - `snapshot`: the whole set, in chunks.
 * - `absent`: no endpoints; `exists` says whether anybody ever registered.
 */
export type UpdateKind = "pending" | "resumed" | "delta" | "snapshot" | "absent";

export interface EndpointsUpdate {
  readonly type: "endpoints";
  readonly kind: UpdateKind;
  readonly namespace: string;
  readonly service: string;
  readonly fromVersion: number;
  readonly version: number;
  /** Position within a snapshot, from 0. */
  readonly chunk: number;
  readonly isLastChunk: boolean;
  /** Whether the server has heard everybody. What is not settled is merged. */
  readonly settled: boolean;
  readonly exists: boolean;
  readonly upserts: readonly Endpoint[];
  readonly removals: readonly Removal[];
  /** Of the whole set after this update; meaningful with `isLastChunk`. */
  readonly digest: Digest;
  /** What this answer includes at least; left out by a server that does not say. */
  readonly positions?: readonly OriginPosition[];
}

/** Identifies an update; the same for every watcher. */
export interface Nonce {
  readonly type: "service" | "endpoints";
  readonly namespace: string;
  readonly service: string;
  readonly version: number;
  readonly chunk: number;
}

/** An endpoint that an agent could not use, and why. */
export interface RejectedEndpoint {
  readonly id: string;
  readonly reason: string;
}

/** Acknowledges everything up to one nonce of one resource. */
export interface ResourceAck {
  readonly nonce: Nonce;
  readonly rejected: readonly RejectedEndpoint[];
  readonly digestMismatch: boolean;
  /** The agent holds endpoints that an unsettled server did not list. */
  readonly held: boolean;
}

/** What an agent holds of a service when it subscribes; `undefined` fields never occur. */
export interface ResumeToken {
  readonly epoch: number;
  readonly version: number;
  readonly digest: Digest;
}

/** Requests in flight from one agent to one draining endpoint; 0 says idle. */
export interface InFlightReport {
  readonly namespace: string;
  readonly service: string;
  readonly instanceId: string;
  readonly registrationId: string;
  readonly count: number;
}
