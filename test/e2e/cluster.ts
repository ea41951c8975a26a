import { join } from "node:path";
import { credentials, Metadata } from "@grpc/grpc-js";
import { AdminServiceClient, type GetStatusResponse } from "../../src/gen/weir/v1/admin.ts";
import { RegistryServiceClient } from "../../src/gen/weir/v1/registry.ts";
import { freePort } from "../support/free-port.ts";
import { NatsServerProcess } from "../support/nats-server.ts";
import { TcpRelay } from "../support/tcp-relay.ts";
import { waitUntil } from "../support/wait-until.ts";
import { answer } from "./control-plane.ts";
import type { Program, Stage } from "./stage.ts";

const START_TIMEOUT_MS = 20_000;

/** A restarted replica settles after its longest restored lease; the rest is patience with a busy machine. */
const SETTLE_TIMEOUT_MS = 90_000;

/** grpc-js waits up to two minutes between connects; a server that is back is wanted at once. */
const CLIENT_OPTIONS = {
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 1_000,
  "grpc.use_local_subchannel_pool": 1,
};

/** Nobody waits for a frozen replica longer than this. */
const CALL_TIMEOUT_MS = 5_000;

/** One `weir server` process of a cluster, and what can be done to it. */
export interface Replica {
  readonly id: string;
  /** Of its gRPC door. */
  readonly address: string;
  /** Of its HTTP door: `/healthz /readyz /metrics`. */
  readonly adminAddress: string;
  readonly registry: RegistryServiceClient;
  readonly admin: AdminServiceClient;
  readonly program: () => Program;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** On the same ports with the same state, once the former process has ended; waits until it serves. */
  restart(): Promise<void>;
  /** SIGSTOP: it answers nobody, and its sockets stay open. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** Nothing passes between it and NATS any more, without a word to either. */
  cut(): void;
  heal(): void;
}

export interface Cluster {
  readonly nats: readonly NatsServerProcess[];
  readonly replicas: readonly Replica[];
  /** Addresses of all replicas, as agents are given them. */
  readonly addresses: readonly string[];
}

export interface ClusterOptions {
  readonly replicas?: number;
  /** More than one form a NATS cluster; replica N connects to server N modulo their count. */
  readonly natsServers?: number;
  /** `--settle-after`; the default when left out. */
  readonly settleAfter?: string | undefined;
  /** More arguments of `weir server`, for example `["--policy-copies", "1"]`. */
  readonly args?: readonly string[];
}

/** Starts NATS and the replicas, each behind a relay of its own, and waits until all of them serve. */
export async function startCluster(stage: Stage, options: ClusterOptions = {}): Promise<Cluster> {
  const nats = await startNats(stage, options.natsServers ?? 1);
  const replicas = await Promise.all(
    Array.from({ length: options.replicas ?? 3 }, (_, index) => {
      const server = nats[index % nats.length];
      if (server === undefined) throw new Error("a cluster needs a NATS server");
      return startRelayed(stage, `replica-${index + 1}`, server, options);
    }),
  );
  return { nats, replicas, addresses: replicas.map(({ address }) => address) };
}

async function startNats(stage: Stage, count: number): Promise<NatsServerProcess[]> {
  const routes = await Promise.all(Array.from({ length: count }, () => freePort()));
  const urls = routes.map((port) => `"nats://127.0.0.1:${port}"`).join(", ");
  const starting = routes.map((port, index) =>
    NatsServerProcess.start({
      hasJetStream: true,
      // Without advertising, a client knows the one server that it was told, and can be cut off.
      config:
        count === 1
          ? ""
          : `server_name: "nats-${index + 1}"\ncluster { name: "weir", listen: "127.0.0.1:${port}", routes: [${urls}], no_advertise: true }`,
    }),
  );
  const servers = await Promise.all(starting);
  for (const server of servers) stage.onClose(() => server.stop());
  return servers;
}

async function startRelayed(
  stage: Stage,
  id: string,
  nats: NatsServerProcess,
  { settleAfter, args = [] }: ClusterOptions,
): Promise<Replica> {
  const relay = await TcpRelay.start(nats.port);
  stage.onClose(() => relay.stop());
  return startReplica(stage, {
    ...{ id, settleAfter, args },
    address: `127.0.0.1:${await freePort()}`,
    adminAddress: `127.0.0.1:${await freePort()}`,
    nats: `nats://127.0.0.1:${relay.port}`,
    cut: () => relay.cut(),
    heal: () => relay.heal(),
  });
}

export interface ReplicaOptions extends Pick<Replica, "id" | "address" | "adminAddress" | "cut"> {
  readonly heal: () => void;
  /** `--nats` */
  readonly nats: string;
  readonly settleAfter?: string | undefined;
  readonly args?: readonly string[];
  /** A command that runs it elsewhere, for example in a network namespace. */
  readonly within?: readonly string[];
}

/** Starts one replica and waits until it serves. */
export async function startReplica(stage: Stage, options: ReplicaOptions): Promise<Replica> {
  const { id, address, adminAddress, settleAfter, cut, heal } = options;
  const args = ["server", "--replica-id", id, "--listen", address, "--admin", adminAddress];
  args.push("--advertise", address, "--nats", options.nats);
  args.push("--state-dir", join(stage.directory, id), ...(options.args ?? []));
  if (settleAfter !== undefined) args.push("--settle-after", settleAfter);
  let program: Program;
  const restart = async (): Promise<void> => {
    program = stage.weir(id, args, options.within);
    const ended = program.exited.then((exit) => {
      throw new Error(`${id} ended with ${exit} instead of serving`);
    });
    const serves = waitUntil(`${id} answers on ${adminAddress}`, START_TIMEOUT_MS, async () => {
      return (await fetch(`http://${adminAddress}/healthz`)).ok;
    });
    await Promise.race([serves, ended]);
  };
  await restart();
  return {
    ...{ id, address, adminAddress, restart, cut, heal, program: () => program },
    ...clientsOf(stage, address),
    kill: async () => {
      program.signal("SIGKILL");
      await program.exited;
    },
    freeze: () => program.signal("SIGSTOP"),
    thaw: () => program.signal("SIGCONT"),
  };
}

/** Clients of one replica's public API, closed with the run. */
function clientsOf(stage: Stage, address: string): Pick<Replica, "registry" | "admin"> {
  const registry = new RegistryServiceClient(address, credentials.createInsecure(), CLIENT_OPTIONS);
  const admin = new AdminServiceClient(address, credentials.createInsecure(), CLIENT_OPTIONS);
  stage.onClose(() => {
    registry.close();
    admin.close();
    return undefined;
  });
  return { registry, admin };
}

/** Waits until every replica has heard everybody: from then on its answers are complete. */
export async function waitUntilAllSettled(replicas: readonly Replica[]): Promise<void> {
  await Promise.all(
    replicas.map((replica) =>
      waitUntil(`${replica.id} is settled`, SETTLE_TIMEOUT_MS, () => isSettled(replica)),
    ),
  );
}

async function isSettled({ admin }: Replica): Promise<boolean> {
  const options = { deadline: Date.now() + CALL_TIMEOUT_MS };
  const { settled } = await answer<GetStatusResponse>((callback) =>
    admin.getStatus({}, new Metadata(), options, callback),
  );
  return settled;
}
