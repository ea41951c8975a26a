import { type ChannelCredentials, status } from "@grpc/grpc-js";
import { MeshError } from "../../core/model/mesh-error.ts";
import {
  DiscoveryServiceClient,
  WatcherRole,
  type WatchRequest,
  type WatchResponse,
} from "../../gen/weir/v1/discovery.ts";
import type {
  AgentHello,
  WatchListener,
  WatchSource,
  WatchStream,
} from "../../ports/watch-source.ts";
import { durationToMs } from "../wire/duration.ts";
import { localityToWire } from "../wire/parts.ts";
import { ackToWire, inFlightToWire, resumeToWire, updateFromWire } from "../wire/update.ts";
import { OwnedSockets } from "./owned-sockets.ts";
import { insecureCredentials, STREAM_CHANNEL_OPTIONS, StreamClient } from "./stream-client.ts";

/** For a server that does not say: what a Weir server does by default. */
const DEFAULT_HEARTBEAT_MS = 10_000;

/** Watch streams over gRPC. @param credentials called for each stream, so that certificates can change. */
export function grpcWatchSource(
  credentials: () => ChannelCredentials = insecureCredentials,
): WatchSource {
  return { open: (address, hello, listener) => openWatch(credentials(), address, hello, listener) };
}

function openWatch(
  credentials: ChannelCredentials,
  address: string,
  hello: AgentHello,
  listener: WatchListener,
): WatchStream {
  const sockets = new OwnedSockets(credentials);
  const client = new DiscoveryServiceClient(address, sockets, STREAM_CHANNEL_OPTIONS);
  const call = client.watch();
  const stream = new StreamClient<WatchRequest>(call, client, sockets, (end) => listener.end(end));
  call.on("data", (response: WatchResponse) => {
    if (!stream.isOver) hear(response, listener, stream);
  });
  stream.write({ message: { $case: "hello", value: helloToWire(hello) } });
  return watchStream(stream);
}

function helloToWire({ agentId, isDataPlane, locality, softwareVersion }: AgentHello) {
  const role = isDataPlane
    ? WatcherRole.WATCHER_ROLE_DATA_PLANE
    : WatcherRole.WATCHER_ROLE_OBSERVER;
  return { agentId, role, locality: localityToWire(locality), softwareVersion, capabilities: [] };
}

function hear(
  { message }: WatchResponse,
  listener: WatchListener,
  stream: StreamClient<WatchRequest>,
): void {
  switch (message?.$case) {
    case "welcome": {
      const { replicaId, epoch, heartbeatInterval } = message.value;
      const heartbeatIntervalMs = durationToMs(heartbeatInterval) || DEFAULT_HEARTBEAT_MS;
      listener.welcome({ replicaId, epoch: Number(epoch), heartbeatIntervalMs });
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
      const { retryAfter, reason } = message.value;
      listener.drain(durationToMs(retryAfter) ?? 0, reason);
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
