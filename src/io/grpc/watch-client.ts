import { status } from "@grpc/grpc-js";
import { MeshError } from "../../core/model/mesh-error.ts";
import {
  DiscoveryServiceClient,
  WatcherRole,
  type WatchRequest,
  type WatchResponse,
} from "../../gen/weir/v1/discovery.ts";
import type { Destination } from "../../ports/destination.ts";
import type {
  AgentHello,
  WatchListener,
  WatchSource,
  WatchStream,
} from "../../ports/watch-source.ts";
import { durationToMs } from "../wire/duration.ts";
import { localityToWire } from "../wire/parts.ts";
import { positionToWire } from "../wire/positions.ts";
import { ackToWire, inFlightToWire, resumeToWire, updateFromWire } from "../wire/update.ts";
import { type ChannelAccess, PLAIN_ACCESS } from "./channel-access.ts";
import { enter, StreamClient } from "./stream-client.ts";

/** For a server that does not say: what a Weir server does by default. */
const DEFAULT_HEARTBEAT_MS = 10_000;

/** Watch streams over gRPC. @param access asked for each stream, so that certificates and tokens can change. */
export function grpcWatchSource(access: ChannelAccess = PLAIN_ACCESS): WatchSource {
  return {
    open: (destination, hello, listener) => openWatch(access, destination, hello, listener),
  };
}

/** Of a stream whose credentials cannot be used. */
const NOT_OPEN: WatchStream = {
  subscribe() {},
  acknowledge() {},
  reportInFlight() {},
  heartbeat() {},
  goodbye() {},
  close() {},
};

function openWatch(
  access: ChannelAccess,
  destination: Destination,
  hello: AgentHello,
  listener: WatchListener,
): WatchStream {
  const entry = enter(access, destination);
  if ("code" in entry) {
    listener.end(entry);
    return NOT_OPEN;
  }
  const client = new DiscoveryServiceClient(destination.address, entry.sockets, entry.channel);
  const call = client.watch(entry.metadata);
  const stream = new StreamClient<WatchRequest>(call, client, entry, (end) => listener.end(end));
  call.on("data", (response: WatchResponse) => {
    if (!stream.isOver) hear(response, listener, stream);
  });
  stream.write({ message: { $case: "hello", value: helloToWire(hello) } });
  return watchStream(stream);
}

function helloToWire(hello: AgentHello) {
  const { agentId, isDataPlane, locality, softwareVersion, seen = [] } = hello;
  const role = isDataPlane
    ? WatcherRole.WATCHER_ROLE_DATA_PLANE
    : WatcherRole.WATCHER_ROLE_OBSERVER;
  return {
    agentId,
    role,
    locality: localityToWire(locality),
    softwareVersion,
    capabilities: [],
    seen: seen.map(positionToWire),
  };
}

function hear(
  { message }: WatchResponse,
  listener: WatchListener,
  stream: StreamClient<WatchRequest>,
): void {
  switch (message?.$case) {
    case "welcome": {
      const { replicaId, epoch, heartbeatInterval, replicas } = message.value;
      const heartbeatIntervalMs = durationToMs(heartbeatInterval) || DEFAULT_HEARTBEAT_MS;
      listener.welcome({ replicaId, epoch: Number(epoch), heartbeatIntervalMs, replicas });
      return;
    }
    case "update": {
      const update = translated(() => updateFromWire(message.value), stream);
      if (update !== undefined) listener.update(update);
      return;
    }
    case "heartbeat":
      listener.heartbeat();
      return;
    case "drain": {
      const { retryAfter, reason, replicas } = message.value;
      listener.drain(durationToMs(retryAfter) ?? 0, reason, replicas);
      return;
    }
    case undefined:
      // A message of a newer protocol: whatever matters of it, the server learns our version from hello.
      return;
  }
}

/** What cannot be understood ends the stream: skipping it would leave the agent with a wrong view. */
function translated<T>(translate: () => T, stream: StreamClient<WatchRequest>): T | undefined {
  try {
    return translate();
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    stream.end({
      code: status.INVALID_ARGUMENT,
      reason: error.code,
      message: error.message,
      retryAfterMs: undefined,
    });
    return undefined;
  }
}

function watchStream(stream: StreamClient<WatchRequest>): WatchStream {
  return {
    subscribe(all, subscriptions) {
      const value = {
        all,
        subscriptions: subscriptions.map(({ namespace, service, resume }) => ({
          namespace,
          service,
          resume: resume && resumeToWire(resume),
        })),
      };
      stream.write({ message: { $case: "subscribe", value } });
    },
    acknowledge(acks) {
      stream.write({ message: { $case: "acknowledge", value: { acks: acks.map(ackToWire) } } });
    },
    reportInFlight(reports) {
      const value = { endpoints: reports.map(inFlightToWire) };
      stream.write({ message: { $case: "inFlight", value } });
    },
    heartbeat(sequence) {
      stream.write({ message: { $case: "heartbeat", value: { sequence: BigInt(sequence) } } });
    },
    goodbye: () => stream.finish(),
    close: () => stream.close(),
  };
}
