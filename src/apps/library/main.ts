import "./node-version.ts";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { getGlobalDispatcher } from "undici";
import { newFastRandom } from "../../core/model/fast-random.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import { hostPartOfId } from "../../core/model/names.ts";
import { ChannelBalancer } from "../../data-plane/channel-balancer.ts";
import { proberByKind } from "../../data-plane/prober-by-kind.ts";
import { controlPlaneAccess } from "../../io/control-plane-access.ts";
import { lastKnownGoodIn } from "../../io/file/last-known-good.ts";
import { connectApi } from "../../io/grpc/api-client.ts";
import { grpcAttachSource } from "../../io/grpc/attach-client.ts";
import { grpcProber } from "../../io/grpc/grpc-prober.ts";
import { registerGrpcMesh } from "../../io/grpc/mesh-scheme.ts";
import { grpcWatchSource } from "../../io/grpc/watch-client.ts";
import { systemNameResolver } from "../../io/host-lookup.ts";
import { MeshDispatcher } from "../../io/http/mesh-dispatcher.ts";
import { type MeshFetch, meshFetch } from "../../io/http/mesh-fetch.ts";
import { UpstreamPools } from "../../io/http/upstream-pools.ts";
import { pinoLog } from "../../io/pino-log.ts";
import { httpProber } from "../../io/probe/http-prober.ts";
import { tcpProber } from "../../io/probe/tcp-prober.ts";
import { systemClock } from "../../io/system-clock.ts";
import type { LastKnownGood } from "../../ports/last-known-good.ts";
import type { Log } from "../../ports/log.ts";
import { type HttpDoor, type MeshWorld, OpenMesh } from "./mesh.ts";
import { type MeshConfig, type MeshSettings, meshConfigFrom } from "./options.ts";

export type { KeptView as RegistrationView } from "../../data-plane/kept-instance.ts";
export type { InstanceOptions } from "./options.ts";
export type { Pick } from "./pick.ts";
export type { PickOptions } from "./picker.ts";
export type { Registration } from "./registration.ts";
export { MeshError };

/** A control plane answers in milliseconds; this long covers one that is just starting. */
const CONNECT_TIMEOUT_MS = 10_000;

export interface ConnectOptions extends MeshSettings {
  /** How long to wait for a control plane. 10 s when left out. */
  readonly timeoutMs?: number;
  /** Ends waiting; a mesh that is open is ended with `close`. */
  readonly signal?: AbortSignal;
  /** Warnings and errors as JSON lines on stderr when left out. */
  readonly log?: Log;
}

/** An open connection to the mesh. */
export type Mesh = OpenMesh<MeshFetch>;

export const Mesh = {
  /**
   * Joins the mesh: watches its services and balances every request of this process over their
   * endpoints, without a hop in between.
   *
   * @throws MeshError INVALID_ARGUMENT that names each option, UNREACHABLE, TIMEOUT,
   *   UNAUTHENTICATED or PERMISSION_DENIED.
   */
  async connect(options: ConnectOptions = {}): Promise<Mesh> {
    const { timeoutMs = CONNECT_TIMEOUT_MS, signal, log, ...settings } = options;
    signal?.throwIfAborted();
    const config = meshConfigFrom(settings, process.env);
    const level = process.env["WEIR_LOG_LEVEL"] ?? "warn";
    const world = meshWorld(config, log ?? pinoLog(level, "weir-mesh"));
    const mesh = new OpenMesh(config, config.id === "" ? newId() : config.id, world);
    await mesh.open(timeoutMs, signal);
    return mesh;
  },
};

function meshWorld(config: MeshConfig, log: Log): MeshWorld<MeshFetch> {
  const { tls, token, tokenFile, insecure } = config;
  const access = controlPlaneAccess(
    { ...tls, token, tokenFile, insecure, program: "library" },
    systemClock,
    log,
  );
  const random = newFastRandom(Math.floor(Math.random() * 2 ** 32));
  const pools = new UpstreamPools();
  return {
    softwareVersion: version,
    clock: systemClock,
    random,
    log,
    newId: randomUUID,
    hostName,
    watchSource: grpcWatchSource(access),
    attachSource: grpcAttachSource(access),
    nameResolver: systemNameResolver,
    prober: proberByKind({ http: httpProber, tcp: tcpProber, grpc: grpcProber }),
    lastKnownGood:
      config.stateDir === ""
        ? NOTHING_KEPT
        : lastKnownGoodIn(config.stateDir, "stateDir", systemClock, log),
    retirePool: (key) => pools.retire(key),
    openApi: (address) => connectApi(address, access),
    openHttp: (handler, identity): HttpDoor<MeshFetch> => {
      const elsewhere = getGlobalDispatcher();
      const dispatcher = new MeshDispatcher({ handler, pools, identity, elsewhere });
      return {
        dispatcher,
        fetch: meshFetch(dispatcher),
        refuse: () => dispatcher.refuse(),
        cut: () => dispatcher.cut(),
      };
    },
    openGrpc: (name, table, namespace) => {
      const services = new ChannelBalancer({ table, clock: systemClock, random, namespace });
      return registerGrpcMesh(name, services, config.grpc);
    },
  };
}

/** A program that is told to keep nothing starts with what the control plane says. */
const NOTHING_KEPT: LastKnownGood = {
  load: () => undefined,
  save: () => Promise.resolve(),
};

const hostName = hostPartOfId(hostname(), "host");

let meshes = 0;

/** Another one for each mesh of each process. */
function newId(): string {
  meshes += 1;
  return meshes === 1 ? `${hostName}:${process.pid}` : `${hostName}:${process.pid}:${meshes}`;
}

const { version } = JSON.parse(
  readFileSync(new URL("../../../package.json", import.meta.url), "utf8"),
) as { version: string };
