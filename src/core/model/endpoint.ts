import type { Address, Locality, Metadata, Port } from "./instance.ts";
import type { InstanceId, RegistrationId } from "./names.ts";

/** What an agent should make of an endpoint. `suspect` is silent while expiry is frozen: still picked. */
export type EndpointState = "healthy" | "unhealthy" | "suspect" | "draining";

/** Why an endpoint left. */
export type RemovalReason = "deregistered" | "expired" | "superseded" | "evicted";

/** An instance as agents see it. Immutable: a change makes a new one. */
export interface Endpoint {
  readonly id: InstanceId;
  /** Which process: balancing state is kept per (id, registrationId). */
  readonly registrationId: RegistrationId;
  readonly address: Address;
  /** The first one is the default. */
  readonly ports: readonly Port[];
  /** Effective static weight, 0..10000. */
  readonly weight: number;
  /** 0 serves first. */
  readonly priority: number;
  readonly locality: Locality;
  readonly state: EndpointState;
  readonly metadata: Metadata;
  /** The server's 64-bit hash of everything above. */
  readonly hash: bigint;
  /** Grows with every change of the operator's part. */
  readonly operatorRevision: number;
  /** Orders the processes of one id, on whatever replica: the newer has the larger number. Left out or 0 when nobody says. */
  readonly firstRegistered?: number;
}

/** An endpoint that left, with its cause. */
export interface Removal {
  readonly id: InstanceId;
  readonly registrationId: RegistrationId;
  readonly reason: RemovalReason;
}
