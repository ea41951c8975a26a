import { NO_LOCALITY } from "../../src/core/model/instance.ts";
import type { DataPlaneConfig } from "../../src/data-plane/settings.ts";

/** The settings of a member of the mesh. */
export function dataPlaneConfig(
  controlPlane: string[],
  services: readonly string[],
): DataPlaneConfig {
  return {
    controlPlane,
    namespace: "default",
    locality: NO_LOCALITY,
    subscribe: services.map((service) => ({ namespace: "default", service })),
    subscribeAll: false,
    services: new Map(),
    policy: "least_request",
    retries: { attempts: 0, budgetPercent: 20, minPerSecond: 10 },
    timeouts: { connect: 1_000, request: 15_000, idle: 300_000 },
    pool: { maxConnectionsPerEndpoint: 256 },
  };
}
