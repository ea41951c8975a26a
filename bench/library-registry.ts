/** The servers of the library bench, as the control plane knows them. */
import { NO_LOCALITY, NO_METADATA, type Protocol } from "../src/core/model/instance.ts";
import type { InstanceId, RegistrationId } from "../src/core/model/names.ts";
import { connectApi } from "../src/io/grpc/api-client.ts";

/** The longest that a server grants: a run is shorter. */
const LEASE_MS = 300_000;

/** @param addresses `HOST:PORT` each. */
export async function registerServers(
  controlPlane: string,
  service: string,
  protocol: Protocol,
  addresses: readonly string[],
): Promise<void> {
  const api = connectApi(controlPlane);
  for (const [i, address] of addresses.entries()) {
    const [host = "", port] = address.split(":");
    const instance = {
      namespace: "default",
      service,
      id: `server-${i}` as InstanceId,
      address: { kind: "ip" as const, value: host },
      ports: [{ name: "main", port: Number(port), protocol }],
      weight: 100,
      priority: 0,
      locality: NO_LOCALITY,
      metadata: NO_METADATA,
      health: "healthy" as const,
      registrationId: `process-${i}` as RegistrationId,
      generation: 1,
      leaseMs: LEASE_MS,
    };
    const defaults = { protocol, policy: "" };
    await api.register({ instance, defaults, leaseToken: new Uint8Array() });
  }
  api.close();
}
