import { Load } from "../support/load.ts";
import type { LoadReport } from "../support/load-protocol.ts";
import type { Nginx } from "../support/nginx.ts";
import { type Agent, retriesOf, startAgent } from "./agents.ts";
import { type ControlPlane, startControlPlane, waitUntilSettled } from "./control-plane.ts";
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
import { waitUntilServed } from "./served.ts";
import { Stage } from "./stage.ts";

const AGENTS = ["agent-a", "agent-b", "agent-c"];

/** A replacement must not lower the rate below what the claim is about. */
const CLAIMED_RATE = 1_000;

/**
 * Replaces all instances one after another under load, without retries: each is killed the
 * instant that `weir drain` answers SAFE. No request may fail.
 */
export function deploy(scale: Scale, say: (line: string) => void): Promise<Run> {
  return Stage.run(say, async (stage) => {
    const plane = await startControlPlane(stage, { settleAfter: scale.settleAfter });
    const keeper = new Keeper(stage, plane, SERVICE);
    const olds: Nginx[] = [];
    for (let number = 1; number <= scale.instances; number++) {
      const nginx = await stage.nginx({ name: `old-${number}` });
      await keeper.register(nginx);
      olds.push(nginx);
    }
    const agents: Agent[] = [];
    const config = { subscribe: [SERVICE], retries: { attempts: 0 } };
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
    stage.note(
      `${scale.requestsPerSecond} requests/s over ${agents.length} agents to ${olds.length} instances`,
    );
    await waitUntilSettled(plane);
    stage.note("the server is settled");
    const drains: Drain[] = [];
    for (const old of olds) drains.push(await replace({ stage, plane, keeper, load, agents }, old));
    const retries = await retriesOf(agents);
    return summarise(scale, await load.finish(), retries, drains);
  });
}

interface Setting {
  readonly stage: Stage;
  readonly plane: ControlPlane;
  readonly keeper: Keeper;
  readonly load: Load;
  readonly agents: readonly Agent[];
}

interface Drain {
  /** From the start of `weir drain` to its answer. */
  readonly commandMs: number;
  /** What the server says it waited. */
  readonly waitedMs: number;
  /** How many agents it waited for. */
  readonly agentCount: number;
}

async function replace(
  { stage, plane, keeper, load, agents }: Setting,
  old: Nginx,
): Promise<Drain> {
  const replacement = await stage.nginx({ name: old.name.replace("old", "new") });
  await keeper.register(replacement);
  await waitUntilServed(load, agents, [replacement.name]);
  const drain = await drainAndKill(stage, plane, old);
  await keeper.deregister(old);
  stage.note(
    `${old.name}: SAFE after ${drain.waitedMs.toFixed(0)} ms (command ${drain.commandMs.toFixed(0)} ms), killed`,
  );
  return drain;
}

/** Kills on the answer itself, not on the end of the command: that is the earliest a script could. */
async function drainAndKill(stage: Stage, plane: ControlPlane, old: Nginx): Promise<Drain> {
  const startedAt = performance.now();
  let commandMs: number | undefined;
  const args = ["drain", SERVICE, old.name, "--server", plane.address, "-o", "json"];
  const { exit, stdout, stderr } = await stage.command(args, (output) => {
    if (commandMs !== undefined || !/"outcome"\s*:\s*"[A-Z_]*SAFE"/.test(output)) return;
    commandMs = performance.now() - startedAt;
    old.kill().catch(() => undefined);
  });
  if (exit !== 0 || commandMs === undefined) {
    throw new Error(`weir drain ${SERVICE} ${old.name} ended with ${exit}:\n${stdout}${stderr}`);
  }
  return { commandMs, ...(JSON.parse(stdout) as { waitedMs: number; agentCount: number }) };
}

function summarise(
  scale: Scale,
  report: LoadReport,
  retries: number,
  drains: readonly Drain[],
): Run {
  const figures = {
    requests: report.requests,
    failed: report.failed,
    retries,
    drain_ms_max: Math.round(Math.max(...drains.map(({ commandMs }) => commandMs))),
    drain_wait_ms_max: Math.round(Math.max(...drains.map(({ waitedMs }) => waitedMs))),
    requests_per_second: Math.round(report.requests / report.seconds),
    posts: report.posts,
    latency_ms_p50: report.latencyMs.p50,
    latency_ms_p99: report.latencyMs.p99,
  };
  const shortfalls = [
    ...failureLines(report),
    ...rateShortfall(report, Math.min(CLAIMED_RATE, scale.requestsPerSecond * 0.9)),
    ...drains
      .filter(({ agentCount }) => agentCount !== AGENTS.length)
      .map(({ agentCount }) => `a drain waited for ${agentCount} of ${AGENTS.length} agents`),
    ...(retries === 0 ? [] : [`${retries} retries, although they are switched off`]),
  ];
  return runOf("deploy", figures, shortfalls);
}
