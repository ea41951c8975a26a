/** All watchers of a cluster lose their connections at once, and one replica its life; see README.md. */
import { setTimeout as delay } from "node:timers/promises";
import { credentials } from "@grpc/grpc-js";
import { EMPTY_DIGEST } from "../src/core/model/digest.ts";
import { DiscoveryServiceClient, type ResolveResponse } from "../src/gen/weir/v1/discovery.ts";
import { waitUntil } from "../test/support/wait-until.ts";
import { type Replica, startCluster } from "./cluster.ts";
import { median, round } from "./median.ts";
import { collectGarbage, residentBytes } from "./processes.ts";
import { Remote } from "./remote.ts";
import type { BenchResult } from "./result.ts";
import {
  type Answers,
  digestText,
  INSTANCES_PER_SERVICE,
  noAnswers,
  SERVICES,
  type StormCommand,
  type StormReport,
  serviceName,
} from "./storm-protocol.ts";
import { connectRegistry, register, registerMany } from "./watch-registry.ts";

const WATCHERS = 10_000;
const QUICK_WATCHERS = 1_000;
const CLIENTS = 4;
const CHANGES_PER_SECOND = 50;

/** Changes before the storm: those that are open hear of them as deltas. */
const LEAD_MS = 2_000;
const BACK_TIMEOUT_MS = 120_000;
/** After the last change, until everybody has heard of it. */
const SPREAD_MS = 2_000;
const LAG_TIMEOUT_MS = 10_000;

export interface StormOptions {
  readonly rounds: number;
  /** A tenth of the watchers. */
  readonly quick: boolean;
  readonly say: (line: string) => void;
}

/** One storm. */
interface Storm {
  readonly to95Ms: number;
  readonly to100Ms: number;
  readonly missing: number;
  readonly answers: Answers;
  readonly failures: number;
  readonly lagP99Ms: number;
  readonly lagMaxMs: number;
  /** Processor time between two samples of the loop, at most. */
  readonly busiestMs: number;
  readonly serverBytes: number;
  readonly wrongLists: number;
}

/** A storm takes a minute, and each has a cluster of its own. */
const MAX_ROUNDS = 5;

export async function storm({ rounds, quick, say }: StormOptions): Promise<BenchResult> {
  const storms: Storm[] = [];
  for (let i = 0; i < Math.min(rounds, MAX_ROUNDS); i++) {
    const one = await raise(quick ? QUICK_WATCHERS : WATCHERS, say);
    say(describe(one));
    storms.push(one);
  }
  const of = (read: (each: Storm) => number) => round(median(storms.map(read)));
  return {
    figures: {
      to_95_ms: of(({ to95Ms }) => to95Ms),
      to_100_ms: of(({ to100Ms }) => to100Ms),
      resumed_share: Math.min(...storms.map(({ answers }) => resumedShare(answers))),
      unchanged_snapshots: Math.max(...storms.map(({ answers }) => answers.unchangedSnapshot)),
      loop_lag_p99_ms: of(({ lagP99Ms }) => lagP99Ms),
      loop_lag_max_ms: of(({ lagMaxMs }) => lagMaxMs),
      loop_cpu_max_ms: of(({ busiestMs }) => busiestMs),
      wrong_lists: Math.max(...storms.map(({ wrongLists }) => wrongLists)),
      not_back: Math.max(...storms.map(({ missing }) => missing)),
      failed_connections: of(({ failures }) => failures),
      server_megabytes: of(({ serverBytes }) => serverBytes / 1e6),
    },
    peers: {},
  };
}

async function raise(watchers: number, say: (line: string) => void): Promise<Storm> {
  const cluster = await startCluster({ preload: "lag-on-signal.ts" });
  const clients = Array.from(
    { length: CLIENTS },
    () => new Remote<StormCommand>("storm-client.ts"),
  );
  const [a, b, c] = cluster.replicas;
  let stopChanges = () => Promise.resolve();
  try {
    await fill([a, b]);
    const addresses = cluster.replicas.map(({ address }) => address);
    const share = watchers / CLIENTS;
    const openedAt = performance.now();
    await Promise.all(
      clients.map((client, i) =>
        client.ask({ type: "open", addresses, first: i * share, count: share }),
      ),
    );
    say(
      `${watchers} watchers opened within ${((performance.now() - openedAt) / 1e3).toFixed(1)} s`,
    );
    stopChanges = change([a, b]);
    await delay(LEAD_MS);
    await Promise.all([a, b].map(lagOf));
    process.kill(c.pid, "SIGKILL");
    await Promise.all(clients.map((client) => client.ask({ type: "break" })));
    const reports = await Promise.all(
      clients.map((client) =>
        client.ask<StormReport>({ type: "back", timeoutMs: BACK_TIMEOUT_MS }),
      ),
    );
    const lags = await Promise.all([a, b].map(lagOf));
    const serverBytes = residentBytes(a.pid);
    await stopChanges();
    await delay(SPREAD_MS);
    const digests = await digestsOf(a);
    const wrong = await Promise.all(
      clients.map((client) => client.ask<number>({ type: "compare", digests })),
    );
    const wrongLists = wrong.reduce((sum, count) => sum + count, 0);
    return { ...sumOf(reports), ...worstOf(lags), serverBytes, wrongLists };
  } finally {
    await stopChanges();
    await Promise.all(clients.map((client) => client.close()));
    await cluster.stop();
  }
}

async function fill(replicas: readonly Replica[]): Promise<void> {
  const registries = replicas.map(({ address }) => connectRegistry(address));
  for (let i = 0; i < SERVICES; i++) {
    const registry = registries[i % registries.length];
    if (registry) await registerMany(registry, serviceName(i), INSTANCES_PER_SERVICE);
  }
  for (const registry of registries) registry.close();
}

/** What a replica serves by now, by service. */
async function digestsOf({ address }: Replica): Promise<Record<string, string>> {
  const discovery = new DiscoveryServiceClient(address, credentials.createInsecure());
  const digests: Record<string, string> = {};
  for (let i = 0; i < SERVICES; i++) {
    const request = { namespace: "default", service: serviceName(i), metadata: new Map() };
    const { digest } = await new Promise<ResolveResponse>((resolve, reject) => {
      discovery.resolve(request, (error, value) =>
        error === null ? resolve(value) : reject(error),
      );
    });
    digests[serviceName(i)] = digestText(digest ?? EMPTY_DIGEST);
  }
  discovery.close();
  return digests;
}

/** One instance after the other, each at the replica that owns it. @returns how to stop */
function change(replicas: readonly Replica[]): () => Promise<void> {
  const registries = replicas.map(({ address }) => connectRegistry(address));
  const failures: unknown[] = [];
  let isStopped = false;
  let count = 0;
  const startedAtMs = performance.now();
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAtMs) / 1_000) * CHANGES_PER_SECOND;
    for (; count < due; count++) {
      const service = (count * 7) % SERVICES;
      const registry = registries[service % registries.length];
      if (registry === undefined) continue;
      const index = Math.floor(count / SERVICES) % INSTANCES_PER_SERVICE;
      register(registry, serviceName(service), index, count + 1).catch((error: unknown) =>
        failures.push(error),
      );
    }
  }, 5);
  return async () => {
    if (isStopped) return;
    isStopped = true;
    clearInterval(timer);
    for (const registry of registries) registry.close();
    if (failures.length > 0)
      throw new Error(`${failures.length} changes failed`, { cause: failures[0] });
  };
}

interface Lag {
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Processor time of the longest turn. */
  readonly busiestMs: number;
}

/** Since it was asked for last (see lag-on-signal.ts). */
async function lagOf(replica: Replica): Promise<Lag> {
  const before = replica.output().split("lag ").length;
  collectGarbage(replica.pid);
  await waitUntil("the server's lag is known", LAG_TIMEOUT_MS, () => {
    const parts = replica.output().split("lag ");
    return parts.length > before && parts.at(-1)?.includes("\n");
  });
  const [p99Ms = 0, maxMs = 0, busiestMs = 0] = (replica.output().split("lag ").at(-1) ?? "")
    .split(/\s/)
    .map(Number);
  return { p99Ms, maxMs, busiestMs };
}

function worstOf(lags: readonly Lag[]): Pick<Storm, "lagP99Ms" | "lagMaxMs" | "busiestMs"> {
  return {
    busiestMs: Math.max(...lags.map(({ busiestMs }) => busiestMs)),
    lagP99Ms: Math.max(...lags.map(({ p99Ms }) => p99Ms)),
    lagMaxMs: Math.max(...lags.map(({ maxMs }) => maxMs)),
  };
}

function sumOf(
  reports: readonly StormReport[],
): Omit<Storm, "lagP99Ms" | "lagMaxMs" | "busiestMs" | "serverBytes" | "wrongLists"> {
  const startMs = Math.min(...reports.map(({ brokenAtMs }) => brokenAtMs));
  const took = reports.flatMap(({ backAtMs }) => backAtMs.map((atMs) => atMs - startMs));
  took.sort((x, y) => x - y);
  const missing = reports.reduce((sum, report) => sum + report.missing, 0);
  const answers = noAnswers();
  for (const report of reports) {
    for (const kind of Object.keys(answers) as (keyof Answers)[])
      answers[kind] += report.answers[kind];
  }
  // Whoever is not back counts as back after everybody.
  const at95 = Math.ceil((took.length + missing) * 0.95) - 1;
  return {
    to95Ms: took[at95] ?? BACK_TIMEOUT_MS,
    to100Ms: missing > 0 ? BACK_TIMEOUT_MS : (took.at(-1) ?? 0),
    missing,
    answers,
    failures: reports.reduce((sum, { failures }) => sum + failures, 0),
  };
}

function resumedShare({ resumed, delta, snapshot, absent, pending }: Answers): number {
  return round((resumed + delta) / Math.max(1, resumed + delta + snapshot + absent + pending));
}

function describe(storm: Storm): string {
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  const { resumed, delta, snapshot, unchangedSnapshot, absent, pending } = storm.answers;
  return [
    `95 % back after ${seconds(storm.to95Ms)}, all after ${seconds(storm.to100Ms)}, missing ${storm.missing}, wrong lists ${storm.wrongLists}`,
    `answers: ${resumed} resumed, ${delta} deltas, ${snapshot} snapshots (${unchangedSnapshot} unchanged), ${absent} absent, ${pending} pending`,
    `failed attempts ${storm.failures}; loop lag p99 ${storm.lagP99Ms} ms, max ${storm.lagMaxMs} ms, longest turn ${storm.busiestMs} ms of CPU; ${(storm.serverBytes / 1e6).toFixed(0)} MB a server`,
  ].join("\n");
}
