import { Load } from "../support/load.ts";
import type { LoadReport } from "../support/load-protocol.ts";
import { type Agent, startAgent } from "./agents.ts";
import type { Side } from "./populate.ts";
import { BODY_BYTES, HOST, POST_SHARE, SERVICE, SLOW_SHARE } from "./scale.ts";
import type { Stage } from "./stage.ts";

/** Real agents under a steady load of real requests. */
export interface Traffic {
  readonly agents: readonly Agent[];
  finish(): Promise<LoadReport>;
}

/** @param sides one agent on each. */
export async function startTraffic(
  stage: Stage,
  sides: readonly Side[],
  requestsPerSecond: number,
): Promise<Traffic> {
  const agents = await Promise.all(
    sides.map(({ replicas, machine }, i) => {
      const controlPlane = replicas.map(({ address }) => address);
      return startAgent(stage, {
        id: `agent-${i + 1}`,
        controlPlane: controlPlane[0] ?? "",
        config: { subscribe: [SERVICE], controlPlane },
        ...(machine && { host: machine.ip, within: machine.within }),
      });
    }),
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
