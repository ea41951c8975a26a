import { EndpointLoad } from "../../src/core/balancing/endpoint-load.ts";
import type { Endpoint } from "../../src/core/model/endpoint.ts";
import { NO_LOCALITY, NO_METADATA } from "../../src/core/model/instance.ts";
import type { InstanceId, RegistrationId } from "../../src/core/model/names.ts";

/** A healthy endpoint, unless the test says otherwise. */
export function endpointNamed(
  id: string,
  changes: Partial<Omit<Endpoint, "id" | "registrationId">> & { registrationId?: string } = {},
): Endpoint {
  const { registrationId = `${id}-run-1`, ...rest } = changes;
  return {
    address: { kind: "ip", value: "127.0.0.1" },
    ports: [{ name: "http", port: 80, protocol: "http1" }],
    weight: 100,
    priority: 0,
    locality: NO_LOCALITY,
    state: "healthy",
    metadata: NO_METADATA,
    hash: 0n,
    operatorRevision: 0,
    ...rest,
    id: id as InstanceId,
    registrationId: registrationId as RegistrationId,
  };
}

/** Loads `e0`, `e1`... with these weights. */
export function loadsWeighing(...weights: readonly number[]): EndpointLoad[] {
  return weights.map((weight, i) => new EndpointLoad(endpointNamed(`e${i}`, { weight })));
}

/** `count` loads of the same weight. */
export function equalLoads(count: number): EndpointLoad[] {
  return loadsWeighing(...new Array<number>(count).fill(100));
}
