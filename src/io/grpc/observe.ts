import { type ServiceError, status } from "@grpc/grpc-js";
import type { Nonce, Update } from "../../core/discovery/update.ts";
import { NO_LOCALITY } from "../../core/model/instance.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import {
  type DiscoveryServiceClient,
  WatcherRole,
  type WatchRequest,
  type WatchResponse,
} from "../../gen/weir/v1/discovery.ts";
import type { Observation, ObserveRequest, Observer } from "../../ports/control-plane-api.ts";
import { durationToMs } from "../wire/duration.ts";
import { localityToWire } from "../wire/parts.ts";
import { ackToWire, updateFromWire } from "../wire/update.ts";
import { apiError } from "./api-error.ts";
import type { ChannelAccess } from "./channel-access.ts";

/** Until `welcome`: a server that accepts connections but hangs must not leave a silent terminal. */
const WELCOME_TIMEOUT_MS = 5_000;

/** When the server does not say how often it beats. */
const DEFAULT_HEARTBEAT_MS = 5_000;

type Message = NonNullable<WatchRequest["message"]>;

/**
 * One Watch stream with the role of an observer. It acknowledges what it prints, at once: a person
 * reads too few updates for the savings of cumulative acknowledgements.
 */
export function observe(
  client: DiscoveryServiceClient,
  address: string,
  request: ObserveRequest,
  observer: Observer,
  access: ChannelAccess,
): Observation {
  const stream = client.watch(access.metadata(address));
  let hasEnded = false;
  let hasFailed = false;
  let sequence = 0n;
  let beat: NodeJS.Timeout | undefined;
  const send = (message: Message): void => void stream.write({ message });

  function end(error: Error | undefined): void {
    if (hasEnded) return;
    hasEnded = true;
    clearInterval(beat);
    clearTimeout(watchdog);
    observer.ended(error);
  }

  function receive(response: WatchResponse): void {
    const { message } = response;
    if (message?.$case === "welcome") {
      clearTimeout(watchdog);
      const { heartbeatInterval, replicaId } = message.value;
      const intervalMs = durationToMs(heartbeatInterval) || DEFAULT_HEARTBEAT_MS;
      beat = setInterval(() => {
        sequence++;
        send({ $case: "heartbeat", value: { sequence } });
      }, intervalMs);
      observer.opened(replicaId);
    } else if (message?.$case === "update") {
      const update = updateFromWire(message.value);
      observer.updated(update);
      const ack = { nonce: nonceOf(update), rejected: [], digestMismatch: false, held: false };
      send({ $case: "acknowledge", value: { acks: [ackToWire(ack)] } });
    }
  }

  const watchdog = setTimeout(() => {
    end(new MeshError("TIMEOUT", `the control plane at ${address} did not answer in 5 s`));
    stream.cancel();
  }, WELCOME_TIMEOUT_MS);
  stream.on("data", (response: WatchResponse) => {
    try {
      receive(response);
    } catch (error) {
      end(error instanceof Error ? error : new Error(String(error)));
      stream.cancel();
    }
  });
  stream.on("error", (error) => {
    const failure = error as ServiceError;
    if (failure.code === status.CANCELLED) {
      end(undefined);
      return;
    }
    hasFailed = true;
    void apiError(failure, address, access).then(end);
  });
  // It follows an error at once, whose cause may still have to be found out.
  stream.on("end", () => {
    if (!hasFailed) end(undefined);
  });
  introduce(send, request);
  return {
    stop() {
      end(undefined);
      // Half-closing says goodbye; the server then ends its side.
      stream.end();
    },
  };
}

function introduce(send: (message: Message) => void, request: ObserveRequest): void {
  const { agentId, softwareVersion, namespace, service } = request;
  const role = WatcherRole.WATCHER_ROLE_OBSERVER;
  const locality = localityToWire(NO_LOCALITY);
  send({
    $case: "hello",
    value: { agentId, role, locality, softwareVersion, capabilities: [], seen: [] },
  });
  const subscriptions = service === undefined ? [] : [{ namespace, service, resume: undefined }];
  send({ $case: "subscribe", value: { all: service === undefined, subscriptions } });
}

function nonceOf({ type, namespace, service, version, ...rest }: Update): Nonce {
  return { type, namespace, service, version, chunk: "chunk" in rest ? rest.chunk : 0 };
}
