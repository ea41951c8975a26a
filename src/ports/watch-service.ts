import type { OriginPosition } from "../core/discovery/seen-positions.ts";
import type { InFlightReport, ResourceAck, ResumeToken } from "../core/discovery/update.ts";
import type { Locality } from "../core/model/instance.ts";
import type { MeshError } from "../core/model/mesh-error.ts";
import type { ReplicaAddress } from "./destination.ts";

/** The server's end of a Watch stream, as the hub writes to it. */
export interface WatchSink {
  /** Sends one prepared message. @returns false on back-pressure: nothing more until `writable`. */
  send(frame: Uint8Array): boolean;
  heartbeat(): void;
  /** Asks the agent to go elsewhere. */
  drain(retryAfterMs: number, reason: string): void;
  /** Ends the stream; without an error with status OK. */
  end(error?: MeshError): void;
}

/** An agent as it introduced itself. */
export interface WatchHello {
  readonly agentId: string;
  /** Sends requests to endpoints, so that drains wait for it. */
  readonly isDataPlane: boolean;
  readonly locality: Locality;
  readonly softwareVersion: string;
  /** `host:port` that it connects from. */
  readonly peer: string;
  /** The newest positions that it was told; left out or empty when it was told none. */
  readonly seen?: readonly OriginPosition[];
}

export interface SubscriptionRequest {
  readonly namespace: string;
  readonly service: string;
  readonly resume: ResumeToken | undefined;
}

/** One open stream, as the gRPC handler drives it. */
export interface WatchSession {
  subscribe(requests: readonly SubscriptionRequest[]): void;
  subscribeAll(): void;
  unsubscribe(requests: readonly SubscriptionRequest[]): void;
  acknowledge(acks: readonly ResourceAck[]): void;
  reportInFlight(reports: readonly InFlightReport[]): void;
  /** The stream takes messages again. */
  writable(): void;
  /** The stream is gone. `isGoodbye` when the agent ended it deliberately and sends no more requests. */
  closed(isGoodbye: boolean): void;
}

/** What the Watch handler needs of the program. */
export interface WatchService {
  readonly replicaId: string;
  readonly epoch: number;
  readonly heartbeatIntervalMs: number;
  /** The replicas that clients may go to, this one included; empty when nobody said where they are. */
  readonly peers: () => readonly ReplicaAddress[];
  /** @throws MeshError LIMIT_REACHED or DRAINING. */
  open(hello: WatchHello, sink: WatchSink): WatchSession;
}
