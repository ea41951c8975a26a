import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import type { Endpoint } from "../../src/core/model/endpoint.ts";
import { type Address, NO_LOCALITY, NO_METADATA } from "../../src/core/model/instance.ts";
import { type InstanceId, type RegistrationId, serviceKey } from "../../src/core/model/names.ts";
import { type PathRoute, routeTable } from "../../src/core/routing/match.ts";
import { AccessLog } from "../../src/data-plane/access-log.ts";
import { poolKey } from "../../src/data-plane/attempt-target.ts";
import { RequestPath, type ServiceLookup } from "../../src/data-plane/request-path.ts";
import { type ServiceSettings, UpstreamService } from "../../src/data-plane/upstream-service.ts";
import { ProxyListener, type ProxyListenerOptions } from "../../src/io/http/proxy-listener.ts";
import { UpstreamPools } from "../../src/io/http/upstream-pools.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import { seededRandom } from "./seeded-random.ts";

/** A real agent data path over loopback sockets, with one service, `orders`. */
export interface TestProxy {
  readonly address: string;
  readonly port: number;
  readonly url: string;
  readonly listener: ProxyListener;
  readonly pools: UpstreamPools;
  readonly path: RequestPath;
  readonly service: UpstreamService;
  readonly accessLines: object[];
  retire(id: string): void;
  stop(): Promise<void>;
}

export interface TestProxyOptions {
  readonly settings?: Partial<ServiceSettings>;
  readonly routes?: readonly PathRoute[];
  readonly maxInFlight?: number;
  readonly listen?: string;
  readonly takeOver?: boolean;
  readonly listener?: Partial<ProxyListenerOptions>;
}

const SETTINGS: ServiceSettings = {
  policy: "round_robin",
  connectTimeoutMs: 1_000,
  requestTimeoutMs: 10_000,
  idleTimeoutMs: 10_000,
  retryAttempts: 2,
  maxConnectionsPerEndpoint: 64,
};

export async function startProxy(
  endpoints: readonly Endpoint[],
  options: TestProxyOptions = {},
): Promise<TestProxy> {
  const service = new UpstreamService(serviceKey("default", "orders"), {
    ...SETTINGS,
    ...options.settings,
  });
  service.update(endpoints);
  const accessLines: object[] = [];
  const random = seededRandom(7);
  const path = new RequestPath({
    clock: systemClock,
    random,
    table: tableOf(service),
    routes: routeTable("default", options.routes ?? []),
    accessLog: new AccessLog(logTo(accessLines), "all"),
    ...(options.maxInFlight === undefined ? {} : { maxInFlight: options.maxInFlight }),
  });
  const pools = new UpstreamPools();
  const listener = new ProxyListener({ handler: path, pools, random, ...options.listener });
  const address = await listener.listen(options.listen ?? "127.0.0.1:0", {
    takeOver: options.takeOver ?? false,
  });
  return {
    address,
    port: Number(address.slice(address.lastIndexOf(":") + 1)),
    url: `http://${address}`,
    listener,
    pools,
    path,
    service,
    accessLines,
    retire: (id) => pools.retire(poolKey(service.key, id, `${id}-run`)),
    stop: async () => {
      await listener.stop(0);
      await pools.destroy();
    },
  };
}

function tableOf(service: UpstreamService): ServiceLookup {
  const lookup = (namespace: string, name: string): UpstreamService | undefined =>
    serviceKey(namespace, name) === service.key ? service : undefined;
  return { lookup, waitFor: async (namespace, name) => lookup(namespace, name) };
}

function logTo(lines: object[]) {
  const keep = (fields: object) => void lines.push(fields);
  return { debug: keep, info: keep, warn: keep, error: keep };
}

export function endpointAt(id: string, port: number, address?: Address): Endpoint {
  return {
    id: id as InstanceId,
    registrationId: `${id}-run` as RegistrationId,
    address: address ?? { kind: "ip", value: "127.0.0.1" },
    ports: [{ name: "http", port, protocol: "http1" }],
    weight: 100,
    priority: 0,
    locality: NO_LOCALITY,
    state: "healthy",
    metadata: NO_METADATA,
    hash: 0n,
    operatorRevision: 0,
  };
}

/** A real HTTP server on a free port. */
export async function startServer(
  listener: RequestListener,
): Promise<{ server: Server; port: number; stop(): Promise<void> }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    server,
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A port on which nobody listens: it was free a moment ago. */
export async function closedPort(): Promise<number> {
  const { port, stop } = await startServer(() => {});
  await stop();
  return port;
}

/** Sends bytes and resolves with everything that comes until the other side closes. */
export function sendRaw(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let received = "";
    socket.setEncoding("latin1");
    socket.on("data", (text) => {
      received += text;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(received));
    socket.write(bytes);
  });
}
