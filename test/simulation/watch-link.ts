import type { ControlPlane } from "../../src/apps/control-plane/start.ts";
import type { Update } from "../../src/core/discovery/update.ts";
import { MeshError } from "../../src/core/model/mesh-error.ts";
import { type ServiceKey, serviceKey } from "../../src/core/model/names.ts";
import { WatchResponse } from "../../src/gen/weir/v1/discovery.ts";
import { updateFromWire } from "../../src/io/wire/update.ts";
import type { WatchSession, WatchSink } from "../../src/ports/watch-service.ts";
import type {
  AgentHello,
  WatchListener,
  WatchSource,
  WatchStream,
} from "../../src/ports/watch-source.ts";
import type { Connection, ServerEnd } from "./connection.ts";
import type { Network } from "./network.ts";
import type { SimProcess } from "./sim-process.ts";

/** The server's end of one Watch stream: what the gRPC handler does, without gRPC. */
export class WatchServerEnd implements ServerEnd, WatchSink {
  /** Of the agent; `""` before its first message. */
  agentId = "";
  readonly subscribed = new Set<ServiceKey>();
  readonly connection: Connection;
  session: WatchSession | undefined;
  listener: WatchListener | undefined;
  isOpen = true;
  isGoodbye = false;
  readonly #plane: ControlPlane;
  readonly #ended: (end: WatchServerEnd) => void;

  constructor(plane: ControlPlane, connection: Connection, ended: (end: WatchServerEnd) => void) {
    this.#plane = plane;
    this.connection = connection;
    this.#ended = ended;
  }

  welcome(hello: AgentHello): void {
    this.agentId = hello.agentId;
    const { watches } = this.#plane;
    try {
      this.session = watches.open({ ...hello, peer: hello.agentId }, this);
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      this.end(error);
      return;
    }
    const { replicaId, epoch, heartbeatIntervalMs } = watches;
    const welcome = { replicaId, epoch, heartbeatIntervalMs, replicas: [] };
    this.connection.answer(() => this.listener?.welcome(welcome));
  }

  send(frame: Uint8Array): boolean {
    return this.connection.answer(() => this.listener?.update(decoded(frame)));
  }

  heartbeat(): void {
    this.connection.answer(() => this.listener?.heartbeat());
  }

  drain(retryAfterMs: number, reason: string): void {
    this.connection.answer(() => this.listener?.drain(retryAfterMs, reason, []));
  }

  end(error?: MeshError): void {
    this.connection.endServer(error);
  }

  halfClosed(): void {
    this.isGoodbye = true;
    this.connection.endServer();
  }

  writable(): void {
    this.session?.writable();
  }

  closed(): void {
    this.isOpen = false;
    this.session?.closed(this.isGoodbye);
    this.#ended(this);
  }

  /** What a handler throws ends its stream. */
  guard(step: (session: WatchSession) => void): void {
    try {
      if (this.session !== undefined) step(this.session);
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      this.end(error);
    }
  }
}

function decoded(frame: Uint8Array): Update {
  const { message } = WatchResponse.decode(frame);
  if (message?.$case !== "update") throw new Error("a frame holds something else than an update");
  return updateFromWire(message.value);
}

/** Watch streams through the world's network. */
export function simWatchSource(
  network: Network,
  process: SimProcess,
  observed: (listener: WatchListener) => WatchListener,
): WatchSource {
  return {
    open({ address }, hello, plain) {
      const listener = observed(plain);
      const connection = network.connect(process, address, "watch");
      connection.listen({ ended: (end) => listener.end(end) });
      connection.send((end) => {
        const server = end as WatchServerEnd;
        server.listener = listener;
        server.welcome(hello);
      });
      return clientEnd(connection);
    },
  };
}

function clientEnd(connection: Connection): WatchStream {
  const send = (step: (end: WatchServerEnd, session: WatchSession) => void): void =>
    connection.send((end) => {
      const server = end as WatchServerEnd;
      server.guard((session) => step(server, session));
    });
  return {
    subscribe: (all, subscriptions) =>
      send((end, session) => {
        if (all) session.subscribeAll();
        session.subscribe(subscriptions);
        for (const { namespace, service } of subscriptions)
          end.subscribed.add(serviceKey(namespace, service));
      }),
    acknowledge: (acks) => send((_, session) => session.acknowledge(acks)),
    reportInFlight: (reports) => send((_, session) => session.reportInFlight(reports)),
    heartbeat: () => send(() => undefined),
    goodbye: () => connection.send((end) => end.halfClosed()),
    close: () => connection.closeClient(),
  };
}
