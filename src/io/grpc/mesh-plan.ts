import type { experimental } from "@grpc/grpc-js";
import type { ChannelService } from "../../ports/channel-balancing.ts";
import type { NoMesh } from "./mesh-registry.ts";

/** The name of our balancing policy, as gRPC knows it. */
export const MESH_POLICY = "weir";

/** What a channel's calls do: go to a service's endpoints, or fail. */
export type MeshPlan =
  | {
      readonly service: ChannelService;
      /** Calls that end UNAVAILABLE are made again. */
      readonly retries: boolean;
    }
  | { readonly failure: NoMesh };

/** Carries a plan from the resolver to the balancer; they are of one process, so by reference. */
export class MeshConfig implements experimental.TypedLoadBalancingConfig {
  readonly plan: MeshPlan;

  constructor(plan: MeshPlan) {
    this.plan = plan;
  }

  getLoadBalancerName(): string {
    return MESH_POLICY;
  }

  toJsonObject(): object {
    return { [MESH_POLICY]: {} };
  }

  /** gRPC skips a policy whose configuration throws: only our own resolver can ask for this one. */
  static createFromJson(config: unknown): MeshConfig {
    if (config instanceof MeshConfig) return config;
    throw new Error('the policy "weir" is for targets such as weir:orders only');
  }
}
