/** The sidecar beside other proxies, before the same backends; see README.md. */
import { median } from "./median.ts";
import { startBackends } from "./proxy-backends.ts";
import { haproxy } from "./proxy-haproxy.ts";
import { loadRound, type Round } from "./proxy-load.ts";
import { nginx } from "./proxy-nginx.ts";
import { fastifyHttpProxy, httpProxy3 } from "./proxy-node.ts";
import type { ProxySubject, RunningProxy } from "./proxy-subject.ts";
import { weirSidecar } from "./proxy-weir.ts";
import type { BenchResult } from "./result.ts";

const PEERS: readonly ProxySubject[] = [haproxy, nginx, httpProxy3, fastifyHttpProxy];

/** The first ones compile the hot paths of the Node proxies, and open connections. */
const WARM_UP_ROUNDS = 2;

export interface ProxyOptions {
  /** Alternating rounds of all proxies. */
  readonly rounds: number;
  /** Only the peers whose name contains this. */
  readonly only: string;
  readonly say: (line: string) => void;
}

interface Contestant {
  readonly name: string;
  readonly proxy: RunningProxy;
  readonly rounds: Round[];
}

export async function proxy(options: ProxyOptions): Promise<BenchResult> {
  const backends = await startBackends();
  const contestants: Contestant[] = [];
  try {
    const peers = PEERS.filter(({ name }) => name.includes(options.only));
    for (const { name, start } of [weirSidecar, ...peers])
      contestants.push({ name, proxy: await start(backends.addresses), rounds: [] });
    for (let round = -WARM_UP_ROUNDS; round < options.rounds; round++) {
      for (const { name, proxy, rounds } of contestants) {
        const figures = await loadRound(proxy);
        if (round < 0) continue;
        rounds.push(figures);
        options.say(`${round + 1} ${name}: ${describe(figures)}`);
      }
    }
  } finally {
    await Promise.all(contestants.map(({ proxy }) => proxy.stop()));
    await backends.stop();
  }
  return resultOf(contestants);
}

function resultOf([weir, ...others]: readonly Contestant[]): BenchResult {
  const own = mediansOf(weir?.rounds ?? []);
  const figures: Record<string, number> = {};
  const peers: Record<string, number> = {};
  for (const { name, rounds } of others) {
    const theirs = mediansOf(rounds);
    figures[`ratio_${name}`] = rounded(own.requestsPerSecond / theirs.requestsPerSecond);
    add(peers, `${name}_`, theirs);
  }
  add(figures, "", own);
  return { figures, peers };
}

function add(figures: Record<string, number>, prefix: string, round: Round): void {
  figures[`${prefix}requests_per_second`] = Math.round(round.requestsPerSecond);
  figures[`${prefix}p50_ms`] = rounded(round.p50Ms);
  figures[`${prefix}p99_ms`] = rounded(round.p99Ms);
  figures[`${prefix}cpu_us`] = rounded(round.cpuUs);
}

function mediansOf(rounds: readonly Round[]): Round {
  return {
    requestsPerSecond: median(rounds.map(({ requestsPerSecond }) => requestsPerSecond)),
    p50Ms: median(rounds.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(rounds.map(({ p99Ms }) => p99Ms)),
    cpuUs: median(rounds.map(({ cpuUs }) => cpuUs)),
  };
}

function describe({ requestsPerSecond, p50Ms, p99Ms, cpuUs }: Round): string {
  return `${requestsPerSecond.toFixed(0)}/s, p50 ${p50Ms} ms, p99 ${p99Ms} ms, ${cpuUs.toFixed(1)} us`;
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
