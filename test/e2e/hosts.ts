import type { Nginx } from "../support/nginx.ts";
import { type Agent, startAgent } from "./agents.ts";
import type { ControlPlane } from "./control-plane.ts";
import { SERVICE } from "./scale.ts";
import type { Stage } from "./stage.ts";

/** A machine with instances and the agent that registers and probes them. */
export interface Host {
  readonly agent: Agent;
  readonly instances: readonly Nginx[];
}

/** Dead in 3 probes of a second: well within every lease. */
const PROBE = { http: "/healthz", interval: "1s", timeout: "500ms", rise: 1, fall: 3 };

/** Starts the instances, and then the agent that tells the control plane of them. */
export async function startHost(
  stage: Stage,
  plane: ControlPlane,
  host: { readonly id: string; readonly names: readonly string[]; readonly leaseMs: number },
): Promise<Host> {
  const instances: Nginx[] = [];
  for (const name of host.names) instances.push(await stage.nginx({ name, bodyBytes: 2_048 }));
  const config = {
    instances: instances.map(({ name, port }) => ({
      service: SERVICE,
      id: name,
      address: "127.0.0.1",
      port,
      lease: `${host.leaseMs}ms`,
      probe: PROBE,
    })),
  };
  const agent = await startAgent(stage, { id: host.id, controlPlane: plane.address, config });
  return { agent, instances };
}
