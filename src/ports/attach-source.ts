import type { Health, Instance, ServiceDefaults } from "../core/model/instance.ts";
import type { Destination, ReplicaAddress } from "./destination.ts";
import type { StreamEnd } from "./stream-end.ts";

/** Names one registration of an instance. */
export interface LeaseName {
  readonly namespace: string;
  readonly service: string;
  readonly instanceId: string;
  readonly registrationId: string;
}

export interface Registration {
  readonly instance: Instance;
  /** `undefined` says nothing about the service as a whole. */
  readonly defaults: ServiceDefaults | undefined;
  /** From the former registration of the same process; empty for the first. */
  readonly leaseToken: Uint8Array;
}

/** What became of one registration. */
export type RegistrationResult =
  | {
      readonly kind: "accepted";
      readonly registrationId: string;
      readonly generation: number;
      readonly leaseToken: Uint8Array;
      readonly renewIntervalMs: number;
    }
  | {
      readonly kind: "refused";
      /** A gRPC status code. */
      readonly code: number;
      /** `ErrorInfo.reason`, for example `SUPERSEDED`. */
      readonly reason: string;
      /** In words; names the field. */
      readonly message: string;
    };

/** Something happened to an instance of the session. */
export interface AttachNotice {
  readonly lease: LeaseName;
  readonly kind: "superseded" | "reattach" | "evicted";
  /** In words: for example who holds the id. */
  readonly detail: string;
}

/** Hears one Attach session, in the order of its messages. */
export interface AttachListener {
  welcome(welcome: {
    readonly sessionId: string;
    readonly replicaId: string;
    readonly renewIntervalMs: number;
    /** The replicas that this one knows of; empty when it does not say. */
    readonly replicas: readonly ReplicaAddress[];
  }): void;
  /** @param requestId as given to `register`; the results are in the order of its registrations. */
  registered(requestId: number, results: readonly RegistrationResult[]): void;
  deregistered(requestId: number): void;
  beat(): void;
  notice(notice: AttachNotice): void;
  /** The session is about to end. */
  drain(retryAfterMs: number, replicas: readonly ReplicaAddress[]): void;
  /** Exactly once, and nothing after it; not after `close`. */
  end(end: StreamEnd): void;
}

/** The client's end of one Attach session. Writing after its end does nothing. */
export interface AttachSession {
  /** At most 1,000 a call. */
  register(requestId: number, registrations: readonly Registration[]): void;
  beat(sequence: number): void;
  health(reports: readonly { readonly lease: LeaseName; readonly health: Health }[]): void;
  deregister(requestId: number, leases: readonly LeaseName[]): void;
  /** Cuts the session and its connection; its leases go on until they run out. */
  close(): void;
}

/** Opens Attach sessions. */
export interface AttachSource {
  open(
    destination: Destination,
    hello: { readonly clientId: string; readonly softwareVersion: string },
    listener: AttachListener,
  ): AttachSession;
}
