/** One Node client that calls four servers directly, through the library, and through HAProxy; see README.md. */
import type { ChildProcess } from "node:child_process";
import { freePort } from "../test/support/free-port.ts";
import {
  type ClientAnswer,
  type ClientCommand,
  GRPC_SERVICE,
  HTTP_SERVICE,
  type Span,
  type Surroundings,
  type Way,
} from "./library-protocol.ts";
import { registerServers } from "./library-registry.ts";
import { median, round } from "./median.ts";
import {
  end,
  pathOf,
  type Server,
  startBareWeirServer,
  startChild,
  startProgram,
} from "./processes.ts";
import { startBackends } from "./proxy-backends.ts";
import { haproxy } from "./proxy-haproxy.ts";
import type { BenchResult } from "./result.ts";

const WAYS: readonly Way[] = [
  "direct_request",
  "weir_request",
  "haproxy_request",
  "direct_fetch",
  "weir_fetch",
  "direct_grpc",
  "weir_grpc",
];

const GRPC_SERVERS = 4;

const ROUND_MS = 1_000;

/** The first ones compile, and open connections. */
const WARM_UP_ROUNDS = 2;

export interface LibraryOptions {
  readonly rounds: number;
  /** Only ways whose name contains this. */
  readonly only: string;
  readonly say: (line: string) => void;
}

interface Contestant {
  readonly way: Way;
  readonly child: ChildProcess;
  readonly spans: Span[];
}

export async function library({ rounds, only, say }: LibraryOptions): Promise<BenchResult> {
  const backends = await startBackends();
  const balancer = await haproxy.start(backends.addresses);
  const grpcServers = await startGrpcServers();
  const server = await startBareWeirServer();
  const contestants: Contestant[] = [];
  try {
    const grpc = grpcServers.map(({ address }) => address);
    await registerServers(server.address, HTTP_SERVICE, "http1", backends.addresses);
    await registerServers(server.address, GRPC_SERVICE, "grpc", grpc);
    for (const way of WAYS.filter((name) => name.includes(only))) {
      const servers = way.endsWith("grpc") ? grpc : backends.addresses;
      const around = { way, servers, controlPlane: server.address, haproxy: balancer.address };
      contestants.push({ way, child: await prepared(around), spans: [] });
    }
    for (let i = -WARM_UP_ROUNDS; i < rounds; i++) await oneRound(contestants, i, say);
    return resultOf(contestants);
  } finally {
    await Promise.all(contestants.map(({ child }) => end(child)));
    await Promise.all([...grpcServers, server, balancer, backends].map((one) => one.stop()));
  }
}

async function oneRound(
  contestants: readonly Contestant[],
  i: number,
  say: (line: string) => void,
): Promise<void> {
  // The other way round each time: what the machine does meanwhile must hit neighbours alike.
  const order = i % 2 === 0 ? contestants : contestants.toReversed();
  for (const { way, child, spans } of order) {
    const answer = await ask(child, { do: "run", milliseconds: ROUND_MS });
    if (answer.is !== "done") throw new Error(`${way}: no figures`);
    if (i < 0) continue;
    spans.push(answer.span);
    say(`${i + 1} ${way}: ${describe(answer.span)}`);
  }
}

function resultOf(contestants: readonly Contestant[]): BenchResult {
  const spansOf = (way: Way) => contestants.find((one) => one.way === way)?.spans ?? [];
  const rateOf = (way: Way) => median(spansOf(way).map(({ calls, seconds }) => calls / seconds));
  const cpuOf = (way: Way) => median(spansOf(way).map(({ cpuUs }) => cpuUs));
  const added = (kind: string) =>
    round(cpuOf(`weir_${kind}` as Way) - cpuOf(`direct_${kind}` as Way));
  const ratio = (kind: string) =>
    round(rateOf(`weir_${kind}` as Way) / rateOf(`direct_${kind}` as Way));
  const figures: Record<string, number> = {
    ratio_direct_request: ratio("request"),
    ratio_direct_fetch: ratio("fetch"),
    ratio_direct_grpc: ratio("grpc"),
    cpu_us_per_call_added: added("request"),
    cpu_us_per_call_added_fetch: added("fetch"),
    cpu_us_per_call_added_grpc: added("grpc"),
  };
  const peers: Record<string, number> = {};
  for (const { way, spans } of contestants) {
    const into = way.startsWith("weir") ? figures : peers;
    into[`${way}_per_second`] = Math.round(rateOf(way));
    into[`${way}_cpu_us`] = round(cpuOf(way));
    into[`${way}_p50_ms`] = round(median(spans.map(({ p50Ms }) => p50Ms)));
    into[`${way}_p99_ms`] = round(median(spans.map(({ p99Ms }) => p99Ms)));
  }
  return { figures, peers };
}

function describe({ calls, seconds, cpuUs, p50Ms }: Span): string {
  return `${(calls / seconds).toFixed(0)}/s, ${cpuUs.toFixed(1)} us, p50 ${p50Ms.toFixed(2)} ms`;
}

async function startGrpcServers(): Promise<Server[]> {
  const servers: Server[] = [];
  for (let i = 0; i < GRPC_SERVERS; i++) {
    const address = `127.0.0.1:${await freePort()}`;
    const command = [process.execPath, pathOf("library-grpc-server.ts"), address];
    servers.push(await startProgram("a gRPC server", command, address));
  }
  return servers;
}

async function prepared(surroundings: Surroundings): Promise<ChildProcess> {
  const child = startChild("library-client.ts");
  await ask(child, { do: "prepare", surroundings });
  return child;
}

function ask(child: ChildProcess, command: ClientCommand): Promise<ClientAnswer> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error("a client process ended"));
    child.once("exit", ended);
    child.once("message", (answer: ClientAnswer) => {
      child.off("exit", ended);
      if (answer.is === "failed") reject(new Error(answer.why));
      else resolve(answer);
    });
    child.send(command);
  });
}
