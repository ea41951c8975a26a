import type { Socket } from "node:net";
import { Server, type ServiceDefinition } from "@grpc/grpc-js";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { ListenerSecurity } from "../../ports/listener-security.ts";
import { announcing } from "./announcing-handlers.ts";
import { authenticators } from "./authenticate.ts";
import { EnteringConnections } from "./entering-connections.ts";
import { FinishedCalls } from "./finished-calls.ts";
import { listenGated } from "./gated-listener.ts";
import { serverCredentials } from "./server-credentials.ts";

/** How long open calls may take to end when the server stops. */
const SHUTDOWN_MS = 2_000;

/** A gRPC service: its definition, and what implements it. */
export interface GrpcService {
  readonly definition: ServiceDefinition;
  readonly handlers: object;
}

export interface RunningGrpcServer {
  /** `host:port` as bound; the port is real when 0 was asked for. */
  readonly address: string;
  /** Ends what is still open after two seconds. */
  stop(): Promise<void>;
}

/**
 * Limits that hold for every peer: an endless number of streams or an endless header table
 * would be anybody's to take. Keepalive finds peers that vanished, and peers that connect
 * and say nothing.
 */
const SERVER_OPTIONS = {
  // One connection of an agent needs two streams; benches and simulators share more.
  "grpc.max_concurrent_streams": 1_000,
  // The largest sensible message is a batch of 1,000 registrations with labels.
  "grpc.max_receive_message_length": 4 * 1024 * 1024,
  "grpc.max_send_message_length": 4 * 1024 * 1024,
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 5_000,
  "grpc.max_connection_idle_ms": 300_000,
  // grpc-js lifts Node's limit; 64 MB a connection is far above what an honest peer needs.
  "grpc-node.max_session_memory": 64,
  "grpc.enable_channelz": 0,
};

/**
 * @param security how callers are known; plaintext for everybody without it.
 * @param finished counts calls by how they ended.
 * @throws MeshError LISTEN_FAILED that says what to do.
 */
export async function startGrpcServer(
  address: string,
  services: readonly GrpcService[],
  security: ListenerSecurity = {},
  finished: FinishedCalls = new FinishedCalls(),
): Promise<RunningGrpcServer> {
  const interceptors = authenticators(security, finished);
  const server = new Server({ ...SERVER_OPTIONS, interceptors });
  const entering = new EnteringConnections(() => performance.now());
  for (const { definition, handlers } of services) {
    server.addService(definition, announcing(definition, handlers, entering, finished));
  }
  // A connection gate stands before grpc-js: it would take any number of connections at once.
  const injector = server.createConnectionInjector(serverCredentials(security.certificates));
  const open = (socket: Socket): void => injector.injectConnection(socket);
  const listener = await listenGated(address, { open, entering }).catch((error: Error) => {
    injector.destroy();
    throw listenError(address, error);
  });
  const host = address.slice(0, address.lastIndexOf(":"));
  return {
    address: `${host}:${listener.port}`,
    stop: () => {
      listener.close();
      return stop(server);
    },
  };
}

function listenError(address: string, cause: Error): MeshError {
  const isInUse = cause.message.includes("EADDRINUSE");
  const why = isInUse ? "the port is in use" : cause.message;
  const fix = isInUse
    ? "stop what listens there, or choose another port with --listen"
    : "choose an address of this machine with --listen";
  return new MeshError("LISTEN_FAILED", `cannot listen on ${address} for gRPC: ${why}; ${fix}`, {
    cause,
  });
}

/** `tryShutdown` waits for streams that never end by themselves, so it is raced with a timer. */
function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, SHUTDOWN_MS);
    server.tryShutdown(() => {
      clearTimeout(force);
      resolve();
    });
  });
}
