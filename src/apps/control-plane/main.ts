import { type ClusterBus, openClusterBus } from "../../io/cluster-bus.ts";
import { openRegistryStore } from "../../io/file/registry-store.ts";
import { allowAll } from "../../io/grpc/authorize.ts";
import { FinishedCalls } from "../../io/grpc/finished-calls.ts";
import { HealthRegistry } from "../../io/grpc/health.ts";
import { startGrpcServer } from "../../io/grpc/server.ts";
import { weirServices } from "../../io/grpc/weir-services.ts";
import { startAdmin } from "../../io/http/admin-listener.ts";
import { type OpenListenerSecurity, openListenerSecurity } from "../../io/listener-security.ts";
import { noRegistryStore } from "../../io/no-registry-store.ts";
import { pinoLog } from "../../io/pino-log.ts";
import { openPolicies } from "../../io/policy-source.ts";
import { tcpProber } from "../../io/probe/tcp-prober.ts";
import { NodeServerHost } from "../../io/server-host.ts";
import { systemClock } from "../../io/system-clock.ts";
import { ReplicationWire } from "../../io/wire/replication.ts";
import { updateEncoder } from "../../io/wire/update-encoder.ts";
import type { AdminRoutes } from "../../ports/admin-http.ts";
import type { ListenerSecurity } from "../../ports/listener-security.ts";
import type { Log } from "../../ports/log.ts";
import { adminPages } from "./admin-pages.ts";
import type { ServerConfig } from "./config.ts";
import { LeaderLease } from "./leader-lease.ts";
import { repeat } from "./repeat.ts";
import { startControlPlane } from "./start.ts";

/** How late gRPC's health may be; probes ask each second at most. */
const READINESS_CHECK_MS = 500;

export interface RunningServer {
  /** `host:port` as bound. */
  readonly grpcAddress: string;
  readonly adminAddress: string;
  /** Whether its ports speak TLS. */
  readonly isTls: boolean;
  /** The exit code, when another process took this replica's id and it had to end. */
  readonly ended: Promise<number>;
  /** Reads certificates and tokens again. @throws MeshError when they cannot be used; the last good ones stay. */
  reload(): void;
  /** Sends clients away, ends streams, writes the last snapshot. */
  stop(): Promise<void>;
}

/** Runs a control plane until it is stopped. @throws MeshError when it cannot listen or use its state directory. */
export async function runServer(
  config: ServerConfig,
  softwareVersion: string,
): Promise<RunningServer> {
  const log = pinoLog(process.env["WEIR_LOG_LEVEL"] ?? "info", "weir-server");
  const security = openListenerSecurity(
    { ...config, token: process.env["WEIR_TOKEN"] },
    systemClock,
    log,
  );
  try {
    return await startServer(config, softwareVersion, log, security);
  } catch (error) {
    security.stop();
    throw error;
  }
}

/** Where a replica meets its peers; nothing for one that is alone. */
function clusterOf(config: ServerConfig, log: Log): ClusterBus | undefined {
  const { nats, replicaId } = config;
  if (nats === undefined) return undefined;
  const around = { clock: systemClock, random: Math.random, log };
  return openClusterBus({ ...config, nats }, replicaId, around);
}

/** Whoever may publish on the bus may publish anything: one line for each kind of it, not for each message. */
function codecOf({ cluster }: ServerConfig, log: Log): ReplicationWire {
  const said = new Set<string>();
  return new ReplicationWire(cluster, ({ kind, message }) => {
    if (said.has(kind)) return;
    said.add(kind);
    log.warn({ kind }, `a message on the bus was refused: ${message}`);
  });
}

/** The replica with what keeps its state and reaches its peers. @throws MeshError */
function startPlane(
  config: ServerConfig,
  softwareVersion: string,
  log: Log,
  { certificates }: ListenerSecurity,
  fenced: (reason: string) => void,
) {
  const { stateDir, replicaId, settleAfter, advertise } = config;
  const store = stateDir === undefined ? noRegistryStore : openRegistryStore(stateDir);
  const calls = new FinishedCalls();
  const host = new NodeServerHost(stateDir, { finishedCalls: () => calls.list(), certificates });
  const cluster = clusterOf(config, log);
  const policies = { stateDir, clock: systemClock, log };
  const address = advertise ?? "";
  const around = { replicaId, clock: systemClock, log };
  const plane = startControlPlane({
    ...{ ...around, softwareVersion, store, host },
    policies: openPolicies(cluster ? { ...policies, cluster: cluster.policies } : policies),
    encoder: updateEncoder,
    settleAfterMs: settleAfter,
    fenced,
    peers: () => (address === "" ? [] : [{ replicaId, address }]),
    ...(cluster && {
      cluster: {
        ...cluster,
        codec: codecOf(config, log),
        address,
        random: Math.random,
        prober: tcpProber,
        leadership: new LeaderLease({ ...around, cell: cluster.leaseCell }),
      },
    }),
  });
  const stop = async (): Promise<void> => {
    await plane.stop();
    await cluster?.bus.close();
    host.stop();
  };
  return { plane, host, calls, stop };
}

/** gRPC's health is what `/readyz` says. @returns how to stop */
function sayHealth(pages: AdminRoutes, health: HealthRegistry): () => void {
  const look = (): void => {
    const readiness = pages["/readyz"]?.({ path: "/readyz", query: new Map() });
    health.set(readiness?.status === 200);
  };
  look();
  return repeat(systemClock, READINESS_CHECK_MS, look);
}

async function startServer(
  config: ServerConfig,
  softwareVersion: string,
  log: Log,
  security: OpenListenerSecurity,
): Promise<RunningServer> {
  const fence = Promise.withResolvers<string>();
  const { plane, host, calls, stop } = startPlane(
    config,
    softwareVersion,
    log,
    security,
    fence.resolve,
  );
  const health = new HealthRegistry();
  let isDraining = false;
  const pages = adminPages(plane, () => isDraining);
  const stopHealth = sayHealth(pages, health);
  try {
    const services = weirServices({
      registry: plane.replica,
      watches: plane.watches,
      admin: plane.admin,
      policies: plane.policies,
      authorizer: allowAll,
      health,
    });
    const admin = await startAdmin(config.admin, pages, { security });
    const grpc = await startGrpcServer(config.listen, services, security, calls).catch(
      async (error: unknown) => {
        await admin.stop();
        throw error;
      },
    );
    const isTls = security.certificates !== undefined;
    host.listens({ name: "grpc", address: grpc.address, isTls });
    host.listens({ name: "admin", address: admin.address, isTls });
    log.info({ grpc: grpc.address, admin: admin.address }, "the control plane is up");
    return {
      grpcAddress: grpc.address,
      adminAddress: admin.address,
      isTls,
      ended: fence.promise.then(() => 1),
      reload: () => security.reload(),
      async stop() {
        isDraining = true;
        stopHealth();
        health.set(false);
        await stop();
        health.end();
        await grpc.stop();
        await admin.stop();
        security.stop();
      },
    };
  } catch (error) {
    stopHealth();
    await stop();
    throw error;
  }
}
