/** What a cluster costs while nothing changes: without instances, and with very many. */
import { setTimeout as delay } from "node:timers/promises";
import { waitUntil } from "../test/support/wait-until.ts";
import { type Cluster, type Replica, startCluster } from "./cluster.ts";
import { round } from "./median.ts";
import { cpuMs } from "./processes.ts";
import type { FleetCommand } from "./propagate-fleet.ts";
import { Remote } from "./remote.ts";

const INSTANCES = 100_000;
const SESSIONS_PER_REPLICA = 20;

/** Longer than everything that replicas do at intervals but the comparison of all buckets, each 60 s. */
const WINDOW_MS = 20_000;
const QUICK_WINDOW_MS = 5_000;

/** After the last change: what was told late is told, and what is collected is collected. */
const CALM_MS = 5_000;

const SPREAD_TIMEOUT_MS = 60_000;

interface Idle {
  readonly published: number;
  readonly delivered: number;
  readonly bytes: number;
  /** Of one core, of all replicas together. */
  readonly cpuPercent: number;
}

export async function measureIdle(
  quick: boolean,
  say: (line: string) => void,
): Promise<Record<string, number>> {
  const windowMs = quick ? QUICK_WINDOW_MS : WINDOW_MS;
  const cluster = await startCluster();
  const fleet = new Remote<FleetCommand>("propagate-fleet.ts");
  try {
    await delay(CALM_MS);
    const empty = await watchIdle(cluster, windowMs);
    say(`idle, no instances: ${describe(empty)}`);
    const addresses = cluster.replicas.map(({ address }) => address);
    const sessionsPerReplica = SESSIONS_PER_REPLICA;
    await fleet.ask({ addresses, sessionsPerReplica, instances: INSTANCES });
    await waitUntil("all replicas know all instances", SPREAD_TIMEOUT_MS, async () => {
      const counts = await Promise.all(cluster.replicas.map(instanceCount));
      return counts.every((count) => count === INSTANCES);
    });
    await delay(CALM_MS);
    const full = await watchIdle(cluster, windowMs);
    say(`idle, ${INSTANCES} instances: ${describe(full)}`);
    return {
      idle_messages_per_s: round(full.published),
      idle_delivered_per_s: round(full.delivered),
      idle_bytes_per_s: Math.round(full.bytes),
      idle_cpu_percent: round(full.cpuPercent),
      idle_messages_per_s_empty: round(empty.published),
      idle_cpu_percent_empty: round(empty.cpuPercent),
    };
  } finally {
    await fleet.close();
    await cluster.stop();
  }
}

async function watchIdle(cluster: Cluster, windowMs: number): Promise<Idle> {
  const before = await countersOf(cluster);
  await delay(windowMs);
  const after = await countersOf(cluster);
  const perSecond = (a: number, b: number) => ((b - a) * 1_000) / (after.atMs - before.atMs);
  return {
    published: perSecond(before.published, after.published),
    delivered: perSecond(before.delivered, after.delivered),
    bytes: perSecond(before.bytes, after.bytes),
    cpuPercent: perSecond(before.cpuMs, after.cpuMs) / 10,
  };
}

async function countersOf({ natsMonitor, replicas }: Cluster) {
  const response = await fetch(`http://${natsMonitor}/varz`);
  const { in_msgs, out_msgs, in_bytes } = (await response.json()) as Record<string, number>;
  return {
    atMs: performance.now(),
    published: in_msgs ?? 0,
    delivered: out_msgs ?? 0,
    bytes: in_bytes ?? 0,
    cpuMs: replicas.reduce((sum, { pid }) => sum + cpuMs(pid), 0),
  };
}

/** As that replica counts them, whoever owns them. */
async function instanceCount({ admin }: Replica): Promise<number> {
  const text = await (await fetch(`http://${admin}/metrics`)).text();
  let count = 0;
  for (const [, value] of text.matchAll(/^weir_registry_instances\{.*\} (\d+)$/gm))
    count += Number(value);
  return count;
}

function describe({ published, delivered, bytes, cpuPercent }: Idle): string {
  return `${published.toFixed(1)} messages/s published, ${delivered.toFixed(1)} delivered, ${bytes.toFixed(0)} bytes/s; ${cpuPercent.toFixed(2)} % of a core`;
}
