/** The instances that the bench registers, and their bytes. Nobody listens behind them. */
import { AttachRequest, RegisterRequest, type Registration } from "../src/gen/weir/v1/registry.ts";
import { Health, Instance, Protocol } from "../src/gen/weir/v1/types.ts";
import type { Work } from "./register-protocol.ts";

export const SERVICES = 100;

export function serviceName(index: number): string {
  return `orders-${String(index).padStart(3, "0")}`;
}

/** The longest lease, so that nothing expires beside the measurement; the size is a default lease's, and a byte. */
const LEASE_SECONDS = 300n;

/** As a program in a cluster would say it: a generated id, two dozen releases, ten teams. */
export function instanceMessage(index: number, generation: number): Instance {
  const service = index % SERVICES;
  const serial = (Math.imul(index, 0x9e3779b1) >>> 0).toString(16).padStart(8, "0");
  return {
    namespace: "default",
    service: serviceName(service),
    id: `${serviceName(service)}-7d9f8b6c5d-${serial}`,
    address: {
      target: { $case: "ip", value: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}` },
    },
    ports: [{ name: "http", port: 8_080, protocol: Protocol.PROTOCOL_HTTP1 }],
    weight: undefined,
    priority: 0,
    locality: { region: "eu-central-1", zone: `eu-central-1${"abc"[index % 3]}`, subZone: "" },
    metadata: new Map([
      ["version", `2.14.${index % 24}`],
      ["team", `team-${service % 10}`],
      ["tier", service % 2 === 0 ? "frontend" : "backend"],
    ]),
    health: Health.HEALTH_HEALTHY,
    registrationId: `${serial}-4a1c-4f6e-9b7d-${String(index).padStart(12, "0")}`,
    generation: BigInt(generation),
    lease: { seconds: LEASE_SECONDS, nanos: 0 },
  };
}

/** Bytes of the encoded messages of `count` instances, on average. */
export function instanceBytes(count: number): number {
  let bytes = 0;
  for (let i = 0; i < count; i++) bytes += Instance.encode(instanceMessage(i, 1)).finish().length;
  return bytes / count;
}

function registration(index: number, generation: number): Registration {
  return {
    instance: instanceMessage(index, generation),
    serviceDefaults: undefined,
    leaseToken: Buffer.alloc(0),
  };
}

/** One request per instance. */
export function unaryRequests({ first, count, generation }: Work): Buffer[] {
  return Array.from({ length: count }, (_, i) =>
    Buffer.from(RegisterRequest.encode(registration(first + i, generation)).finish()),
  );
}

/** One request per `batch` instances. */
export function attachRequests({ first, count, generation, batch }: Work): Buffer[] {
  return Array.from({ length: Math.ceil(count / batch) }, (_, i) => {
    const from = first + i * batch;
    const size = Math.min(batch, first + count - from);
    const registrations = Array.from({ length: size }, (_, j) =>
      registration(from + j, generation),
    );
    const message = { $case: "register", value: { requestId: BigInt(i), registrations } } as const;
    return Buffer.from(AttachRequest.encode({ message }).finish());
  });
}
