import { experimental } from "@grpc/grpc-js";
import type { ChannelServices } from "../../ports/channel-balancing.ts";
import { MeshBalancer } from "./mesh-balancer.ts";
import { MESH_POLICY, MeshConfig } from "./mesh-plan.ts";
import { MeshRegistry } from "./mesh-registry.ts";
import { meshResolverClass } from "./mesh-resolver.ts";
import { MESH_SCHEME } from "./mesh-target.ts";

const registry = new MeshRegistry();

// When this file loads, so that a client made before any mesh is open waits for one, instead of
// asking DNS for a host called "weir". gRPC keeps both for the life of the process.
experimental.registerResolver(MESH_SCHEME, meshResolverClass(registry));
experimental.registerLoadBalancerType(MESH_POLICY, MeshBalancer, MeshConfig);

export interface GrpcMeshOptions {
  /**
   * Makes calls that ended UNAVAILABLE again elsewhere, three times in all. Off by default: an
   * instance that is killed may have carried out what it could not answer, so every method that
   * is called must be one that may happen twice. What was never sent is always sent elsewhere.
   *
   * A unary call is safe until its whole answer is there, a stream until its first message. While
   * a method is not known to stream, that message comes up to 100 ms later.
   */
  readonly retryUnavailable?: boolean;
}

/**
 * From now on `new Client("weir:SERVICE", credentials)` balances every call over that mesh, in
 * this process and with this copy of `@grpc/grpc-js`.
 *
 * @param name what `weir://NAME/SERVICE` calls it; targets without a name take the only open mesh,
 *   or of several the one called "default".
 * @returns how to end it: calls in flight go on, new ones fail at once and say why.
 */
export function registerGrpcMesh(
  name: string,
  services: ChannelServices,
  options: GrpcMeshOptions = {},
): () => void {
  return registry.open(name, services, options.retryUnavailable ?? false);
}
