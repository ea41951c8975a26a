import type { Instance } from "../../src/core/model/instance.ts";
import { NO_LOCALITY, NO_METADATA } from "../../src/core/model/instance.ts";
import type { InstanceId, RegistrationId, ServiceKey } from "../../src/core/model/names.ts";
import type { LeaseKey } from "../../src/core/registry/registry.ts";

/** An instance of `orders`, with what a test does not care about filled in. */
export function anInstance(of: Partial<Omit<Instance, "id">> & { id?: string } = {}): Instance {
  return {
    namespace: "default",
    service: "orders",
    address: { kind: "ip", value: "127.0.0.1" },
    ports: [{ name: "http", port: 8080, protocol: "http1" }],
    weight: 100,
    priority: 0,
    locality: NO_LOCALITY,
    metadata: NO_METADATA,
    health: "healthy",
    registrationId: "r1" as RegistrationId,
    generation: 1,
    leaseMs: 15_000,
    ...of,
    id: (of.id ?? "a") as InstanceId,
  };
}

/** Names a lease of `default/orders`. */
export function aLease(id: string, registrationId = ""): LeaseKey {
  return {
    service: "default/orders" as ServiceKey,
    instanceId: id as InstanceId,
    registrationId: registrationId as RegistrationId,
  };
}
