import { type ChannelOptions, experimental } from "@grpc/grpc-js";
import type { ChannelService } from "../../ports/channel-balancing.ts";
import type { MeshPlan } from "./mesh-plan.ts";
import type { MeshRegistry, RegisteredMesh } from "./mesh-registry.ts";
import { meshServiceConfig } from "./mesh-service-config.ts";
import { authorityOf, type MeshTarget, parseMeshTarget } from "./mesh-target.ts";

/**
 * Finds a target's mesh and service, and tells the channel where its calls go. Not which endpoints
 * there are: the balancer hears of those from the service itself, before the control plane hears
 * that the news arrived.
 *
 *   idle --updateResolution--> no mesh <--opened, closed--> waiting --first answer--> known
 *    ^------------------------- destroy ------------------------------------------------'
 */
class MeshResolver implements experimental.Resolver {
  readonly #registry: MeshRegistry;
  readonly #target: MeshTarget;
  readonly #listener: experimental.ResolverListener;
  readonly #options: ChannelOptions;
  #stop: (() => void) | undefined;
  #mesh: RegisteredMesh | undefined;
  #service: ChannelService | undefined;

  constructor(
    registry: MeshRegistry,
    target: MeshTarget,
    listener: experimental.ResolverListener,
    options: ChannelOptions,
  ) {
    this.#registry = registry;
    this.#target = target;
    this.#listener = listener;
    this.#options = options;
  }

  /** Starts. News comes by itself from then on, so asking again changes nothing. */
  updateResolution(): void {
    if (this.#stop !== undefined) return;
    const stop = this.#registry.subscribe(() => this.#lookUp());
    this.#stop = stop;
    // gRPC's contract: no answer before this returns.
    process.nextTick(() => {
      if (this.#stop === stop) this.#lookUp();
    });
  }

  /** The channel closed, or went idle; then `updateResolution` comes again. */
  destroy(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#leave();
  }

  /** A client stays with its mesh for as long as that is open, whatever else opens. */
  #lookUp(): void {
    if (this.#mesh?.isOpen) return;
    this.#leave();
    const found = this.#registry.find(this.#target.mesh);
    if ("problem" in found) {
      this.#answer({ failure: found });
      return;
    }
    const { namespace, service: name } = this.#target;
    const service = found.services.open(namespace, name);
    if (service === undefined) {
      const problem = `the mesh cannot watch ${name} too: it holds as many services as it may`;
      this.#answer({ failure: { problem, isFinal: true } });
      return;
    }
    this.#mesh = found;
    this.#service = service;
    const stop = service.subscribe(() => {
      if (service.state === "known") stop();
      this.#report(service);
    });
    this.#report(service);
  }

  #report(service: ChannelService): void {
    if (service.state === "waiting") return;
    if (service.state === "known") {
      this.#answer({ service, retries: this.#mesh?.retryUnavailable ?? false });
      return;
    }
    const problem = `no control plane has said yet which endpoints ${service.key} has: check that one runs at the address that Mesh.connect was given`;
    this.#answer({ failure: { problem, isFinal: false } });
  }

  #answer(plan: MeshPlan): void {
    const config = meshServiceConfig(plan, this.#options);
    const { statusOrFromValue } = experimental;
    this.#listener(statusOrFromValue([]), {}, statusOrFromValue(config), "");
  }

  #leave(): void {
    this.#service?.close();
    this.#service = undefined;
    this.#mesh = undefined;
  }
}

type ResolverClass = Parameters<typeof experimental.registerResolver>[1];

/** gRPC takes a class: this one looks for meshes in that registry. */
export function meshResolverClass(registry: MeshRegistry): ResolverClass {
  return class extends MeshResolver {
    static getDefaultAuthority(uri: experimental.GrpcUri): string {
      return authorityOf(parseMeshTarget(uri));
    }

    constructor(
      uri: experimental.GrpcUri,
      listener: experimental.ResolverListener,
      options: ChannelOptions,
    ) {
      super(registry, parseMeshTarget(uri), listener, options);
    }
  };
}
