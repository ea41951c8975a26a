import type { OriginPosition } from "../core/discovery/seen-positions.ts";
import type { InFlightReport, ResourceAck, ResumeToken, Update } from "../core/discovery/update.ts";
import type { Locality } from "../core/model/instance.ts";
import type { Destination, ReplicaAddress } from "./destination.ts";
import type { StreamEnd } from "./stream-end.ts";

/** How an agent introduces itself on a Watch stream. */
export interface AgentHello {
  /** Stable across reconnects; unique among the agents. */
  readonly agentId: string;
  /** Sends requests to endpoints, so that drains wait for it. */
  readonly isDataPlane: boolean;
  readonly locality: Locality;
  readonly softwareVersion: string;
  /** The newest positions that it was told, by whichever replica; left out by one that was told none. */
  readonly seen?: readonly OriginPosition[];
}

export interface WatchWelcome {
  readonly replicaId: string;
  /** Versions compare within one epoch. */
  readonly epoch: number;
  readonly heartbeatIntervalMs: number;
  /** The replicas that this one knows of; empty when it does not say. */
  readonly replicas: readonly ReplicaAddress[];
}

/** One service to watch, and what is held of it. */
export interface ServiceSubscription {
  readonly namespace: string;
  readonly service: string;
  readonly resume: ResumeToken | undefined;
}

/** Hears one Watch stream, in the order of its messages. */
export interface WatchListener {
  welcome(welcome: WatchWelcome): void;
  update(update: Update): void;
  heartbeat(): void;
  /** The stream is about to end. */
  drain(retryAfterMs: number, reason: string, replicas: readonly ReplicaAddress[]): void;
  /** Exactly once, and nothing after it; not after `close`. */
  end(end: StreamEnd): void;
}

/** The agent's end of one Watch stream. Writing after its end does nothing. */
export interface WatchStream {
  /** At most 1,000 subscriptions a call. */
  subscribe(all: boolean, subscriptions: readonly ServiceSubscription[]): void;
  acknowledge(acks: readonly ResourceAck[]): void;
  reportInFlight(reports: readonly InFlightReport[]): void;
  heartbeat(sequence: number): void;
  /** Says that this agent sends no more requests, so that no drain waits for it; then `end` comes. */
  goodbye(): void;
  /** Cuts the stream and its connection. */
  close(): void;
}

/** Opens Watch streams. */
export interface WatchSource {
  open(destination: Destination, hello: AgentHello, listener: WatchListener): WatchStream;
}
