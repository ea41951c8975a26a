/** Registers instances that nobody listens behind: the bench looks at the control plane only. */
import { credentials } from "@grpc/grpc-js";
import { RegistryServiceClient } from "../src/gen/weir/v1/registry.ts";
import { Health, type Instance, Protocol } from "../src/gen/weir/v1/types.ts";

/** The longest lease, so that no renewals run beside the measurement. */
const LEASE_SECONDS = 300n;

/** Enough to keep the server busy while registering, far below its limits. */
const PARALLEL = 64;

export function connectRegistry(address: string): RegistryServiceClient {
  return new RegistryServiceClient(address, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
}

/** Ids are equally long, so that no update is longer for its id. */
export function instanceId(index: number): string {
  return `instance-${String(index).padStart(5, "0")}`;
}

/** Creates the instance, or changes its metadata: `revision` is what changes. */
export function register(
  client: RegistryServiceClient,
  service: string,
  index: number,
  revision: number,
): Promise<void> {
  const instance: Instance = {
    namespace: "default",
    service,
    id: instanceId(index),
    address: { target: { $case: "ip", value: `127.0.${(index >> 8) & 255}.${index & 255}` } },
    ports: [{ name: "http", port: 20_000, protocol: Protocol.PROTOCOL_HTTP1 }],
    weight: 100,
    priority: 0,
    locality: { region: "eu", zone: "a", subZone: "" },
    metadata: new Map([["revision", String(revision).padStart(6, "0")]]),
    health: Health.HEALTH_HEALTHY,
    registrationId: `bench-${instanceId(index)}`,
    generation: 0n,
    lease: { seconds: LEASE_SECONDS, nanos: 0 },
  };
  const request = { instance, serviceDefaults: undefined, leaseToken: Buffer.alloc(0) };
  return new Promise((resolve, reject) => {
    client.register(request, (error) => (error === null ? resolve() : reject(error)));
  });
}

export async function registerMany(
  client: RegistryServiceClient,
  service: string,
  count: number,
): Promise<void> {
  for (let first = 0; first < count; first += PARALLEL) {
    const indexes = Array.from(
      { length: Math.min(PARALLEL, count - first) },
      (_, offset) => first + offset,
    );
    await Promise.all(indexes.map((index) => register(client, service, index, 0)));
  }
}
