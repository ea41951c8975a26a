import type { InFlightReport } from "../../core/discovery/update.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import { DEFAULT_NAMESPACE, isInstanceId } from "../../core/model/names.ts";
import { echo } from "../../core/model/text.ts";
import {
  type DiscoveryServiceServer,
  DiscoveryServiceService,
  type InFlight,
  type Subscribe,
  WatcherRole,
  type WatchHello,
  type WatchRequest,
  WatchResponse,
} from "../../gen/weir/v1/discovery.ts";
import type { Authorizer, Principal } from "../../ports/authorizer.ts";
import type { RegistryService } from "../../ports/registry-service.ts";
import type {
  SubscriptionRequest,
  WatchService,
  WatchSession,
  WatchSink,
} from "../../ports/watch-service.ts";
import { msToDuration } from "../wire/duration.ts";
import { endpointToWire } from "../wire/endpoint.ts";
import { defaultsToWire } from "../wire/instance.ts";
import { localityFromWire } from "../wire/parts.ts";
import { positionsFromWire } from "../wire/positions.ts";
import { ackFromWire, inFlightFromWire, resumeFromWire } from "../wire/update.ts";
import { asBuffer } from "../wire/update-encoder.ts";
import { authorize } from "./authorize.ts";
import { duplex, type OutgoingStream, type StreamListener, unary } from "./handler.ts";
import { limitBatch, serviceNameFromWire } from "./lease-keys.ts";

/**
 * The generated definition with one change: Watch writes bytes that were encoded once for
 * all watchers, so its serializer passes them through.
 */
export const discoveryDefinition = {
  ...DiscoveryServiceService,
  watch: {
    ...DiscoveryServiceService.watch,
    responseSerialize: (bytes: unknown): Buffer => bytes as Buffer,
  },
};

/** `weir.v1.DiscoveryService` over the program's hub. */
export function discoveryHandlers(
  watches: WatchService,
  registry: RegistryService,
  authorizer: Authorizer,
  settled: () => boolean,
): DiscoveryServiceServer {
  return {
    watch: duplex(
      (stream, { principal }) => new WatchStream(stream, principal, watches, authorizer),
    ),
    resolve: unary((request, { principal }) => {
      const { namespace, service } = serviceNameFromWire(request);
      authorize(authorizer, principal, "watch", namespace, service);
      const view = registry.resolve(namespace, service);
      const endpoints = view
        .endpoints()
        .filter(({ metadata }) =>
          [...request.metadata].every(([key, value]) => metadata.get(key) === value),
        );
      return {
        service: {
          namespace,
          name: service,
          defaults: view.defaults === undefined ? undefined : defaultsToWire(view.defaults),
          instanceCount: view.size,
          healthyCount: endpoints.filter(({ state }) => state === "healthy").length,
          hasConflictingDefaults: false,
        },
        endpoints: endpoints.map(endpointToWire),
        epoch: BigInt(watches.epoch),
        version: BigInt(view.version),
        digest: view.digest,
        settled: settled(),
      };
    }),
  };
}

class WatchStream implements WatchSink, StreamListener<WatchRequest> {
  readonly #call: OutgoingStream<WatchResponse>;
  readonly #watches: WatchService;
  readonly #authorizer: Authorizer;
  #session: WatchSession | undefined;
  readonly #principal: Principal;
  #heartbeats = 0;
  #isGoodbye = false;

  constructor(
    call: OutgoingStream<WatchResponse>,
    principal: Principal,
    watches: WatchService,
    authorizer: Authorizer,
  ) {
    this.#call = call;
    this.#principal = principal;
    this.#watches = watches;
    this.#authorizer = authorizer;
  }

  message({ message }: WatchRequest): void {
    const session = this.#session;
    if (message?.$case === "hello") this.#hello(message.value);
    else if (session === undefined) {
      throw new MeshError(
        "PROTOCOL_VIOLATION",
        "the first message of a Watch stream must be `hello`",
      );
    } else if (message !== undefined) this.#obey(session, message);
  }

  writable(): void {
    this.#session?.writable();
  }

  /** The agent ends its stream only when it sends no more requests to anybody. */
  halfClosed(): void {
    this.#isGoodbye = true;
    this.#call.end();
  }

  closed(): void {
    this.#session?.closed(this.#isGoodbye);
  }

  send(frame: Uint8Array): boolean {
    // The call's serializer passes bytes through: see `discoveryDefinition`.
    return this.#call.write(frame as never);
  }

  heartbeat(): void {
    this.#say({ $case: "heartbeat", value: { sequence: BigInt(++this.#heartbeats) } });
  }

  drain(retryAfterMs: number, reason: string): void {
    const replicas = [...this.#watches.peers()];
    const retryAfter = msToDuration(retryAfterMs);
    this.#say({ $case: "drain", value: { retryAfter, reason, replicas } });
  }

  end(error?: MeshError): void {
    if (error === undefined) this.#call.end();
    else this.#call.fail(error);
  }

  #hello(hello: WatchHello): void {
    if (this.#session !== undefined) {
      throw new MeshError("PROTOCOL_VIOLATION", "`hello` came twice on one Watch stream");
    }
    if (!isInstanceId(hello.agentId)) {
      const description = `${echo(hello.agentId)} is not an agent id: 1..128 of letters, digits and . _ : @ -`;
      throw new MeshError("INVALID_ARGUMENT", `hello.agent_id ${description}`, {
        violations: [{ field: "hello.agent_id", description }],
      });
    }
    this.#session = this.#watches.open(
      {
        agentId: hello.agentId,
        isDataPlane: hello.role === WatcherRole.WATCHER_ROLE_DATA_PLANE,
        locality: localityFromWire(hello.locality),
        softwareVersion: hello.softwareVersion.slice(0, 64),
        peer: this.#principal.peer,
        seen: positionsFromWire(hello.seen),
      },
      this,
    );
    const { replicaId, epoch, heartbeatIntervalMs, peers } = this.#watches;
    this.#say({
      $case: "welcome",
      value: {
        replicaId,
        epoch: BigInt(epoch),
        heartbeatInterval: msToDuration(heartbeatIntervalMs),
        replicas: [...peers()],
      },
    });
  }

  /** Heartbeats, and what a newer agent may say, need no answer. */
  #obey(session: WatchSession, message: NonNullable<WatchRequest["message"]>): void {
    if (message.$case === "subscribe") this.#subscribe(session, message.value);
    else if (message.$case === "unsubscribe") {
      session.unsubscribe(requestsFrom(message.value.subscriptions));
    } else if (message.$case === "acknowledge") {
      session.acknowledge(message.value.acks.map(ackFromWire));
    } else if (message.$case === "inFlight") {
      session.reportInFlight(message.value.endpoints.map(reportFrom));
    }
  }

  #subscribe(session: WatchSession, { all, subscriptions }: Subscribe): void {
    limitBatch(subscriptions.length, "subscribe.subscriptions");
    const principal = this.#principal;
    if (all) {
      authorize(this.#authorizer, principal, "watch", "*", "*");
      session.subscribeAll();
    }
    const requests = requestsFrom(subscriptions);
    for (const { namespace, service } of requests) {
      authorize(this.#authorizer, principal, "watch", namespace, service);
    }
    if (requests.length > 0) session.subscribe(requests);
  }

  #say(message: NonNullable<WatchResponse["message"]>): void {
    this.#call.write(asBuffer(WatchResponse.encode({ message }).finish()) as never);
  }
}

function requestsFrom(subscriptions: Subscribe["subscriptions"]): SubscriptionRequest[] {
  return subscriptions.map((subscription, i) => ({
    ...serviceNameFromWire(subscription, `subscriptions[${i}].`),
    resume: resumeFromWire(subscription.resume),
  }));
}

function reportFrom(message: InFlight): InFlightReport {
  const report = inFlightFromWire(message);
  return report.namespace === "" ? { ...report, namespace: DEFAULT_NAMESPACE } : report;
}
