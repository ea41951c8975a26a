import { onTestFinished } from "vitest";
import type { PolicyName } from "../../src/core/balancing/policy.ts";
import type { Endpoint } from "../../src/core/model/endpoint.ts";
import { serviceKey } from "../../src/core/model/names.ts";
import { ChannelBalancer } from "../../src/data-plane/channel-balancer.ts";
import { ServiceTable } from "../../src/data-plane/service-table.ts";
import type { UpstreamService } from "../../src/data-plane/upstream-service.ts";
import { type GrpcMeshOptions, registerGrpcMesh } from "../../src/io/grpc/mesh-scheme.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { EchoServer } from "./echo-server.ts";
import { BASE, EPOCH, endpoint, type Looks, snapshot } from "./endpoint-updates.ts";
import { FakeLog } from "./fake-streams.ts";
import { seededRandom } from "./seeded-random.ts";

/** The endpoint that a server is, at its real address. */
export function endpointOf(server: Pick<EchoServer, "name" | "port">, looks: Looks = {}): Endpoint {
  const address = { kind: "ip" as const, value: "127.0.0.1" };
  return { ...endpoint(server.name, { port: server.port, ...looks }), address };
}

/** A mesh whose control plane is the test. */
export class ChannelMesh {
  readonly table: ServiceTable;
  readonly services: ChannelBalancer;
  /** Endpoints that drain or left and have nothing in flight any more. */
  readonly idle: string[] = [];
  /** Services that were asked for. */
  readonly asked: string[] = [];
  #version = 0;

  constructor(policy: PolicyName = "round_robin", clock: Clock = systemClock) {
    this.table = new ServiceTable({
      clock,
      log: new FakeLog(),
      wantsAll: false,
      settingsOf: () => ({
        policy,
        connectTimeoutMs: 1_000,
        requestTimeoutMs: 1_000,
        idleTimeoutMs: 1_000,
        retryAttempts: 0,
        maxConnectionsPerEndpoint: 1,
      }),
      isPolicyFixed: () => true,
      onSubscribe: (namespace, service) => this.asked.push(`${namespace}/${service}`),
      onIdle: (_key, { id }) => this.idle.push(id),
      onChange: () => undefined,
    });
    const random = seededRandom(1);
    this.services = new ChannelBalancer({ table: this.table, clock, random, namespace: "default" });
  }

  /** Opens it to clients until the test is done. @returns how to close it before. */
  open(name = "default", options: GrpcMeshOptions = {}): () => void {
    const close = registerGrpcMesh(name, this.services, options);
    onTestFinished(close);
    return close;
  }

  /** What the control plane says that a service has now. */
  has(endpoints: readonly Endpoint[], service = "orders"): void {
    this.table.subscribe("default", service);
    const version = ++this.#version;
    const update =
      endpoints.length === 0
        ? { ...BASE, kind: "absent" as const, exists: false }
        : snapshot([...endpoints]);
    this.table.apply({ ...update, service, version }, EPOCH);
  }

  upstream(service = "orders"): UpstreamService {
    const upstream = this.table.entry(serviceKey("default", service))?.upstream;
    if (upstream === undefined) throw new Error(`nobody asked for ${service}`);
    return upstream;
  }

  /** By endpoint, those that left included. */
  inFlight(): Record<string, number> {
    const upstream = this.upstream();
    const loads = [...upstream.loads, ...upstream.retired];
    return Object.fromEntries(loads.map((load) => [load.endpoint.id, load.inFlight]));
  }
}
