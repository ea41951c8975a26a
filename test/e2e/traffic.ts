import { Load } from "../support/load.ts";
import type { LoadReport } from "../support/load-protocol.ts";
import { type Agent, startAgent } from "./agents.ts";
import { BODY_BYTES, HOST, POST_SHARE, SERVICE, SLOW_SHARE } from "./scale.ts";
import type { Stage } from "./stage.ts";

/** Real agents under a steady load of real requests. */
export interface Traffic {
  readonly agents: readonly Agent[];
  finish(): Promise<LoadReport>;
}

/** @param replicasOf the replicas that each agent is given. */
export async function startTraffic(
  stage: Stage,
  replicasOf: readonly (readonly string[])[],
  requestsPerSecond: number,
): Promise<Traffic> {
  const agents = await Promise.all(
    replicasOf.map((controlPlane, i) =>
      startAgent(stage, {
        id: `agent-${i + 1}`,
        controlPlane: controlPlane[0] ?? "",
        config: { subscribe: [SERVICE], controlPlane },
      }),
    ),
  );
  const load = new Load({
    targets: agents.map(({ id, origin }) => ({ name: id, origin })),
    requestsPerSecond,
    postShare: POST_SHARE,
    slowShare: SLOW_SHARE,
    bodyBytes: BODY_BYTES,
    host: HOST,
  });
  stage.onClose(() => load.stop() as undefined);
  return { agents, finish: () => load.finish() };
}
