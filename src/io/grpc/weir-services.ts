import { AdminServiceService } from "../../gen/weir/v1/admin.ts";
import { PolicyServiceService } from "../../gen/weir/v1/policy.ts";
import type { Authorizer } from "../../ports/authorizer.ts";
import type { PolicyService } from "../../ports/policy-service.ts";
import type { AdminService, RegistryService } from "../../ports/registry-service.ts";
import type { WatchService } from "../../ports/watch-service.ts";
import { adminHandlers } from "./admin-server.ts";
import { discoveryDefinition, discoveryHandlers } from "./discovery-server.ts";
import type { HealthRegistry } from "./health.ts";
import { policyHandlers } from "./policy-server.ts";
import { reflectionServices } from "./reflection.ts";
import { registryDefinition } from "./registry-definition.ts";
import { registryHandlers } from "./registry-server.ts";
import type { GrpcService } from "./server.ts";

/** Everything that a control plane answers on its gRPC port. */
export function weirServices(options: {
  readonly registry: RegistryService;
  readonly watches: WatchService;
  readonly admin: AdminService;
  readonly policies: PolicyService;
  readonly authorizer: Authorizer;
  readonly health: HealthRegistry;
}): GrpcService[] {
  const { registry, watches, admin, policies, authorizer, health } = options;
  const settled = (): boolean => admin.status().isSettled;
  return [
    {
      definition: registryDefinition,
      handlers: registryHandlers(registry, authorizer, watches.peers),
    },
    {
      definition: discoveryDefinition,
      handlers: discoveryHandlers(watches, registry, authorizer, settled),
    },
    { definition: AdminServiceService, handlers: adminHandlers(admin, registry, authorizer) },
    { definition: PolicyServiceService, handlers: policyHandlers(policies, authorizer) },
    health.service(),
    ...reflectionServices(),
  ];
}
