/** From a Register at one replica to an agent at another, beside the bare path and etcd; see README.md. */

import { freePort } from "../test/support/free-port.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { median, round } from "./median.ts";
import { pathOf, type Server, startProgram } from "./processes.ts";
import { hasEtcd, startEtcd } from "./propagate-etcd.ts";
import { measureIdle } from "./propagate-idle.ts";
import {
  INSTANCES,
  type Latencies,
  type Sizes,
  type WatcherCommand,
  type Way,
  type WriterCommand,
  type WriterReport,
} from "./propagate-protocol.ts";
import { sizesOf } from "./propagate-sizes.ts";
import { Remote } from "./remote.ts";
import type { BenchResult } from "./result.ts";

const RATES = [100, 1_000];
const SECONDS = 3;
const QUICK_SECONDS = 1;

/** Every instance is registered, and all paths are compiled. */
const WARM_UP_PER_SECOND = 1_000;
const WARM_UPS = 3;

const ETCD_OPTIONS: readonly { readonly name: string; readonly options: readonly string[] }[] = [
  { name: "etcd", options: [] },
  { name: "etcd_nofsync", options: ["--unsafe-no-fsync"] },
];

export interface PropagateOptions {
  /** Of each way in turn. */
  readonly rounds: number;
  /** Only the parts whose name contains this: latency, idle. */
  readonly only: string;
  /** Shorter runs: for a look, not for figures. */
  readonly quick: boolean;
  readonly say: (line: string) => void;
}

type Figures = Record<string, number | null>;

/** A way from somebody who writes to somebody who watches. */
class Route {
  readonly #writer = new Remote<WriterCommand>("propagate-writer.ts");
  readonly #watcher = new Remote<WatcherCommand>("propagate-watcher.ts");

  static async open(way: Way, writesTo: string, watches: string): Promise<Route> {
    const route = new Route();
    await route.#writer.ask({ type: "open", way, address: writesTo });
    await route.#watcher.ask({ type: "open", way, address: watches });
    return route;
  }

  async measure(perSecond: number, count: number): Promise<Latencies & WriterReport> {
    const received = this.#watcher.ask<Latencies>({ type: "expect", count });
    const report = await this.#writer.ask<WriterReport>({ type: "run", perSecond, count });
    return { ...(await received), ...report };
  }

  async warmUp(): Promise<void> {
    // The first time around instances are new; how many of them come together nobody knows.
    for (let i = 0; i < WARM_UPS; i++) await this.measure(WARM_UP_PER_SECOND, INSTANCES);
  }

  async close(): Promise<void> {
    await Promise.all([this.#writer.close(), this.#watcher.close()]);
  }
}

export async function propagate(options: PropagateOptions): Promise<BenchResult> {
  const figures: Figures = {};
  const peers: Figures = {};
  if ("latency".includes(options.only)) await addLatencies(options, figures, peers);
  if ("idle".includes(options.only))
    Object.assign(figures, await measureIdle(options.quick, options.say));
  return { figures, peers };
}

async function addLatencies(
  { rounds, quick, say }: PropagateOptions,
  figures: Figures,
  peers: Figures,
): Promise<void> {
  const seconds = quick ? QUICK_SECONDS : SECONDS;
  const times = new Map<string, Latencies[]>();
  const cluster = await startCluster();
  const closing: (() => Promise<void>)[] = [() => cluster.stop()];
  try {
    const [a, , c] = cluster.replicas;
    const weir = await Route.open("weir", a.address, c.address);
    closing.push(() => weir.close());
    await weir.warmUp();
    const bareServers = await startBare(cluster, await sizesOf(cluster));
    closing.push(...bareServers.map((server) => () => server.stop()));
    const bare = await Route.open(
      "bare",
      bareServers[0]?.address ?? "",
      bareServers[2]?.address ?? "",
    );
    closing.push(() => bare.close());
    await bare.warmUp();
    const take = async (name: string, route: Route): Promise<void> => {
      for (const perSecond of RATES) {
        const latencies = await route.measure(perSecond, perSecond * seconds);
        say(`${name} at ${perSecond}/s: ${describe(latencies)}`);
        if (latencies.missing > 0) throw new Error(`${name} lost ${latencies.missing} changes`);
        const key = `${name}_${perSecond}`;
        times.set(key, [...(times.get(key) ?? []), latencies]);
      }
    };
    if (!hasEtcd())
      say("etcd is not installed (apt-get install etcd-server): its figures stay null");
    for (let i = 0; i < rounds; i++) {
      await take("bare", bare);
      await take("weir", weir);
      if (hasEtcd()) {
        for (const { name, options } of ETCD_OPTIONS)
          await withEtcd(options, (route) => take(name, route));
      }
      await take("weir", weir);
      await take("bare", bare);
    }
  } finally {
    for (const close of closing.reverse()) await close();
  }
  for (const perSecond of RATES) {
    addMedians(figures, "", perSecond, times.get(`weir_${perSecond}`));
    for (const peer of ["bare", "etcd", "etcd_nofsync"]) {
      addMedians(peers, `${peer}_`, perSecond, times.get(`${peer}_${perSecond}`));
    }
    figures[`ratio_bare_p99_${perSecond}`] = ratio(
      figures[`p99_ms_${perSecond}`],
      peers[`bare_p99_ms_${perSecond}`],
    );
  }
}

function addMedians(
  to: Figures,
  prefix: string,
  perSecond: number,
  latencies: readonly Latencies[] | undefined,
): void {
  const of = (read: (each: Latencies) => number) =>
    latencies === undefined ? null : round(median(latencies.map(read)));
  to[`${prefix}p50_ms_${perSecond}`] = of(({ p50Ms }) => p50Ms);
  to[`${prefix}p99_ms_${perSecond}`] = of(({ p99Ms }) => p99Ms);
}

function ratio(a: number | null | undefined, b: number | null | undefined): number | null {
  return a && b ? round(a / b) : null;
}

/** In the same layout as the cluster: three servers, of which one is written to and another one watched. */
async function startBare({ nats }: Cluster, sizes: Sizes): Promise<Server[]> {
  const servers: Server[] = [];
  for (let i = 0; i < 3; i++) {
    const address = `127.0.0.1:${await freePort()}`;
    const file = pathOf("propagate-bare-server.ts");
    const command = [process.execPath, file, address, nats.url, JSON.stringify(sizes)];
    servers.push(await startProgram("a bare server", command, address));
  }
  return servers;
}

async function withEtcd(
  options: readonly string[],
  use: (route: Route) => Promise<void>,
): Promise<void> {
  const etcd = await startEtcd(options);
  try {
    const route = await Route.open("etcd", etcd.addresses[0] ?? "", etcd.addresses[2] ?? "");
    try {
      await route.warmUp();
      await use(route);
    } finally {
      await route.close();
    }
  } finally {
    await etcd.stop();
  }
}

function describe({ p50Ms, p99Ms, maxMs, lateMsP99 }: Latencies & WriterReport): string {
  const ms = (value: number) => `${value.toFixed(2)} ms`;
  return `p50 ${ms(p50Ms)}, p99 ${ms(p99Ms)}, max ${ms(maxMs)}; sent late p99 ${ms(lateMsP99)}`;
}
