import { setTimeout as delay } from "node:timers/promises";
import { Load } from "../support/load.ts";
import type { LoadReport } from "../support/load-protocol.ts";
import type { Nginx } from "../support/nginx.ts";
import { type Agent, retriesOf, startAgent } from "./agents.ts";
import { type ControlPlane, startControlPlane, status } from "./control-plane.ts";
import { type Host, startHost } from "./hosts.ts";
import { PickWatch } from "./pick-watch.ts";
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
} from "./scale.ts";
import { waitUntilServed } from "./served.ts";
import { Stage } from "./stage.ts";

const AGENTS = ["agent-a", "agent-b", "agent-c"];

/** How much later than the end of its lease a dead instance may be picked: rounds of expiry, and the way to the agents. */
const LEASE_SLACK_MS = 2_000;

/** Long enough for the probes to find one death before the next. */
const BETWEEN_DEATHS_MS = 1_500;

const FREEZE_SAMPLE_MS = 250;

interface Death {
  readonly name: string;
  readonly atMs: number;
}

/**
 * Kills instances without warning under load, with retries: one after another, each after its
 * replacement is served; then whole hosts, agent included, so that leases have to run out. No
 * GET may fail, and nobody may pick the dead for longer than their lease.
 */
export function kill(scale: Scale, say: (line: string) => void): Promise<Run> {
  return Stage.run(say, async (stage) => {
    const plane = await startControlPlane(stage, { settleAfter: scale.settleAfter });
    const names = Array.from({ length: scale.instances }, (_, index) => `old-${index + 1}`);
    const old = await startHost(stage, plane, { id: "host-old", names, leaseMs: scale.leaseMs });
    const agents: Agent[] = [];
    const config = { subscribe: [SERVICE], retries: { attempts: 2 } };
    for (const id of AGENTS)
      agents.push(await startAgent(stage, { id, controlPlane: plane.address, config }));
    const load = new Load({
      targets: agents.map(({ id, origin }) => ({ name: id, origin })),
      requestsPerSecond: scale.requestsPerSecond,
      postShare: POST_SHARE,
      slowShare: 0,
      bodyBytes: BODY_BYTES,
      host: HOST,
    });
    stage.onClose(() => load.stop() as undefined);
    const picks = new PickWatch(stage, agents);
    const freezes = watchFreezes(stage, plane);
    await waitUntilServed(load, agents, names);
    stage.note(
      `${scale.requestsPerSecond} requests/s over ${agents.length} agents to ${names.length} instances`,
    );
    const deaths: Death[] = [];
    const hosts: Host[] = [];
    for (const instance of old.instances) {
      const name = instance.name.replace("old", "new");
      const host = await startHost(stage, plane, {
        id: `host-${name}`,
        names: [name],
        leaseMs: scale.leaseMs,
      });
      hosts.push(host);
      await waitUntilServed(load, agents, [name]);
      deaths.push(await die(stage, instance));
      await delay(BETWEEN_DEATHS_MS);
    }
    for (const host of hosts.slice(0, scale.hostDeaths)) {
      host.agent.program().signal("SIGKILL");
      for (const instance of host.instances) deaths.push(await die(stage, instance));
      await delay(scale.leaseMs + LEASE_SLACK_MS);
    }
    await delay(scale.leaseMs + LEASE_SLACK_MS);
    const retries = await retriesOf(agents);
    const report = await load.finish();
    return summarise({ scale, report, retries, deaths, picks, frozenScopes: freezes.size });
  });
}

async function die(stage: Stage, instance: Nginx): Promise<Death> {
  const atMs = await instance.kill();
  stage.note(`${instance.name} killed`);
  return { name: instance.name, atMs };
}

/** Every scope that was ever seen frozen. */
function watchFreezes(stage: Stage, plane: ControlPlane): Set<string> {
  const scopes = new Set<string>();
  const timer = setInterval(() => {
    status(plane).then(
      ({ frozen }) => {
        for (const { scope, reason } of frozen) {
          if (!scopes.has(scope)) stage.note(`expiry of ${scope} is frozen: ${reason}`);
          scopes.add(scope);
        }
      },
      () => undefined,
    );
  }, FREEZE_SAMPLE_MS);
  stage.onClose(() => {
    clearInterval(timer);
    return undefined;
  });
  return scopes;
}

interface Findings {
  readonly scale: Scale;
  readonly report: LoadReport;
  readonly retries: number;
  readonly deaths: readonly Death[];
  readonly picks: PickWatch;
  readonly frozenScopes: number;
}

function summarise({ scale, report, retries, deaths, picks, frozenScopes }: Findings): Run {
  const unseen: string[] = [];
  let lastPickMs = 0;
  for (const { name, atMs } of deaths) {
    const pickMs = picks.lastPickMs(name);
    if (pickMs === undefined)
      unseen.push(`the agents' metrics show no pick of ${name}, dead or alive`);
    else lastPickMs = Math.max(lastPickMs, pickMs - atMs);
  }
  const figures = {
    requests: report.requests,
    failed: report.failedGets,
    retries,
    last_pick_after_death_ms_max: lastPickMs,
    freezes: frozenScopes,
    deaths: deaths.length,
    failed_posts: report.failed - report.failedGets,
    requests_per_second: Math.round(report.requests / report.seconds),
    latency_ms_p50: report.latencyMs.p50,
    latency_ms_p99: report.latencyMs.p99,
  };
  const allowedMs = scale.leaseMs + LEASE_SLACK_MS;
  const shortfalls = [
    ...(report.failedGets === 0 ? [] : failureLines(report)),
    ...unseen,
    ...rateShortfall(report, scale.requestsPerSecond * 0.8),
    ...(lastPickMs <= allowedMs
      ? []
      : [`a pick ${lastPickMs} ms after death; at most ${allowedMs} ms`]),
    ...(frozenScopes === 0 ? [] : [`expiry was frozen in ${frozenScopes} scopes`]),
  ];
  return runOf("kill", figures, shortfalls);
}
