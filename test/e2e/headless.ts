import { setTimeout as delay } from "node:timers/promises";
import { Load } from "../support/load.ts";
import { waitUntil } from "../support/wait-until.ts";
import { type Agent, startAgent } from "./agents.ts";
import { startControlPlane, status, waitUntilSettled } from "./control-plane.ts";
import { Keeper } from "./keeper.ts";
import {
  BODY_BYTES,
  failureLines,
  HOST,
  POST_SHARE,
  type Run,
  rateShortfall,
  runOf,
  type Scale,
  SERVICE,
  SLOW_SHARE,
} from "./scale.ts";
import { Stage } from "./stage.ts";

const AGENTS = ["agent-a", "agent-b"];

/** Long enough for every agent to write its last-known-good file before the server dies. */
const WARM_UP_MS = 3_000;

/** After the server has settled: more than a renew interval. */
const RECOVERY_MS = 6_000;

/** A graceful end waits for open connections to be used once more. */
const END_TIMEOUT_MS = 20_000;

/**
 * The control plane dies and stays dead under keep-alive load; one of two agents is restarted
 * meanwhile, from its last-known-good file. No request may fail, also not when the server is back.
 */
export function headless(scale: Scale, say: (line: string) => void): Promise<Run> {
  return Stage.run(say, async (stage) => {
    const plane = await startControlPlane(stage, { settleAfter: scale.settleAfter });
    const keeper = new Keeper(stage, plane, SERVICE);
    for (let number = 1; number <= scale.instances; number++) {
      await keeper.register(await stage.nginx({ name: `orders-${number}` }));
    }
    const agents: Agent[] = [];
    const config = { subscribe: [SERVICE] };
    for (const id of AGENTS)
      agents.push(await startAgent(stage, { id, controlPlane: plane.address, config }));
    const load = new Load({
      targets: agents.map(({ id, origin }) => ({ name: id, origin })),
      requestsPerSecond: scale.requestsPerSecond,
      postShare: POST_SHARE,
      slowShare: SLOW_SHARE,
      bodyBytes: BODY_BYTES,
      host: HOST,
    });
    stage.onClose(() => load.stop() as undefined);
    await delay(WARM_UP_MS);
    const server = plane.program();
    server.signal("SIGKILL");
    await server.exited;
    stage.note("the control plane is dead");
    await delay(scale.headlessMs / 3);
    for (const agent of agents.slice(-1)) await restartUnderLoad(stage, load, agent);
    await delay((scale.headlessMs * 2) / 3);
    const headlessReport = await load.report();
    await plane.restart();
    stage.note("the control plane is back");
    await waitUntil("the agents are back", END_TIMEOUT_MS, async () => {
      return (await status(plane)).watchCount >= AGENTS.length;
    });
    // From then on absence counts: what the server did not learn again would go now.
    await waitUntilSettled(plane);
    stage.note("the control plane is settled");
    await delay(RECOVERY_MS);
    const report = await load.finish();
    const figures = {
      requests: report.requests,
      failed: report.failed,
      failed_headless: headlessReport.failed,
      refused_while_restarting: report.refusedWhileRestarting,
      requests_per_second: Math.round(report.requests / report.seconds),
      latency_ms_p50: report.latencyMs.p50,
      latency_ms_p99: report.latencyMs.p99,
    };
    const shortfalls = [
      ...failureLines(report),
      ...rateShortfall(report, scale.requestsPerSecond * 0.8),
      ...everyAgentServed(report.served),
    ];
    return runOf("headless", figures, shortfalls);
  });
}

/** Its load goes on until it has ended, so that its open connections meet their `connection: close`. */
async function restartUnderLoad(stage: Stage, load: Load, agent: Agent): Promise<void> {
  const program = agent.program();
  load.setMode(agent.id, "restarting");
  program.signal("SIGTERM");
  const patience = setTimeout(() => program.signal("SIGKILL"), END_TIMEOUT_MS);
  const exit = await program.exited;
  clearTimeout(patience);
  if (exit !== 0) throw new Error(`${agent.id} ended with ${exit} instead of 0 after SIGTERM`);
  load.setMode(agent.id, "off");
  stage.note(`${agent.id} has ended`);
  await agent.restart();
  load.setMode(agent.id, "on");
  stage.note(`${agent.id} is ready again, without a control plane`);
}

function everyAgentServed(served: readonly { readonly target: string }[]): string[] {
  const missing = AGENTS.filter((id) => !served.some(({ target }) => target === id));
  return missing.map((id) => `${id} answered nothing`);
}
