import { status as Status } from "@grpc/grpc-js";
import { LeaseResult, type RenewResponse } from "../../src/gen/weir/v1/registry.ts";
import type { Instance } from "../../src/gen/weir/v1/types.ts";
import { Health, Protocol } from "../../src/gen/weir/v1/types.ts";
import type { Nginx } from "../support/nginx.ts";
import { answer, type ControlPlane } from "./control-plane.ts";
import type { Stage } from "./stage.ts";

/** A third of the default lease, as a client of the public API would renew. */
const RENEW_INTERVAL_MS = 5_000;

interface Kept {
  readonly instance: Instance;
  generation: bigint;
}

/** Registers instances through the public unary calls and keeps their leases, as a small client would. */
export class Keeper {
  readonly #plane: Pick<ControlPlane, "registry">;
  readonly #service: string;
  readonly #kept = new Map<string, Kept>();
  readonly #timer: NodeJS.Timeout;

  constructor(stage: Stage, plane: Pick<ControlPlane, "registry">, service: string) {
    this.#plane = plane;
    this.#service = service;
    this.#timer = setInterval(() => void this.#renew(), RENEW_INTERVAL_MS);
    stage.onClose(() => {
      clearInterval(this.#timer);
      return undefined;
    });
  }

  async register(nginx: Nginx): Promise<void> {
    const kept: Kept = { instance: describe(this.#service, nginx), generation: 0n };
    await this.#register(kept);
    this.#kept.set(nginx.name, kept);
  }

  async deregister(nginx: Nginx): Promise<void> {
    const kept = this.#kept.get(nginx.name);
    this.#kept.delete(nginx.name);
    if (kept === undefined) return;
    await answer((callback) => this.#plane.registry.deregister({ lease: leaseOf(kept) }, callback));
  }

  async #register(kept: Kept): Promise<void> {
    kept.generation += 1n;
    const instance = { ...kept.instance, generation: kept.generation };
    await answer((callback) =>
      this.#plane.registry.register(
        { instance, serviceDefaults: undefined, leaseToken: Buffer.alloc(0) },
        callback,
      ),
    );
  }

  /** A dead server is no failure: the next interval tries again. */
  async #renew(): Promise<void> {
    const all = [...this.#kept.values()];
    try {
      const leases = all.map(leaseOf);
      const { results } = await answer<RenewResponse>((callback) =>
        this.#plane.registry.renew({ leases }, callback),
      );
      for (const [index, kept] of all.entries()) {
        if (results[index] === LeaseResult.LEASE_RESULT_NOT_FOUND) await this.#register(kept);
      }
    } catch (error) {
      if ((error as { code?: number }).code !== Status.UNAVAILABLE) throw error;
    }
  }
}

function leaseOf({ instance }: Kept) {
  const { namespace, service, id, registrationId } = instance;
  return { namespace, service, instanceId: id, registrationId };
}

function describe(service: string, nginx: Nginx): Instance {
  return {
    namespace: "default",
    service,
    id: nginx.name,
    address: { target: { $case: "ip", value: "127.0.0.1" } },
    ports: [{ name: "http", port: nginx.port, protocol: Protocol.PROTOCOL_HTTP1 }],
    priority: 0,
    locality: undefined,
    metadata: new Map(),
    health: Health.HEALTH_HEALTHY,
    registrationId: `${nginx.name}-${nginx.pid}`,
    generation: 0n,
    lease: { seconds: 15n, nanos: 0 },
  };
}
