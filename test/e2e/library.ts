import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { waitUntil } from "../support/wait-until.ts";
import { type ControlPlane, startControlPlane, waitUntilSettled } from "./control-plane.ts";
import { LibraryClient } from "./library-door.ts";
import {
  type ClientReport,
  GRPC_SERVICE,
  HTTP_SERVICE,
  type ServiceKind,
} from "./library-protocol.ts";
import { type Run, runOf, type Scale } from "./scale.ts";
import { type Program, Stage } from "./stage.ts";

const SERVICE_FILE = fileURLToPath(new URL("library-service.ts", import.meta.url));

const START_TIMEOUT_MS = 20_000;

/** A new instance is called within milliseconds, unless it never will be. */
const SERVED_TIMEOUT_MS = 20_000;

/** A drain waits for answers of 0.3 s; the rest is patience with a busy machine. */
const END_TIMEOUT_MS = 20_000;

/** Longer than the killed one's lease of 5 s: the client must live through all of it. */
const AFTER_KILL_MS = 8_000;

const KINDS: readonly ServiceKind[] = ["http", "grpc"];

interface Setting {
  readonly stage: Stage;
  readonly plane: ControlPlane;
  readonly client: LibraryClient;
}

interface Served {
  readonly id: string;
  readonly program: Program;
}

/**
 * A client that calls an HTTP and a gRPC service through the library, while every instance of
 * both is replaced: the first ones end on SIGTERM and drain themselves, one of each is drained by
 * an operator and killed at SAFE, and one of each is killed without a word. No call may fail.
 */
export function library(scale: Scale, say: (line: string) => void): Promise<Run> {
  return Stage.run(say, async (stage) => {
    const plane = await startControlPlane(stage, { settleAfter: scale.settleAfter });
    const olds = new Map<ServiceKind, Served[]>();
    for (const kind of KINDS) olds.set(kind, await startAll(stage, plane, kind, scale.instances));
    const client = await LibraryClient.start(stage, plane.address);
    const setting: Setting = { stage, plane, client };
    await waitUntilSettled(plane);
    client.send({ do: "start", requestsPerSecond: scale.requestsPerSecond });
    stage.note(
      `${scale.requestsPerSecond} calls/s to ${scale.instances} instances of each service`,
    );
    const drainsMs: number[] = [];
    for (const kind of KINDS) {
      const [drained, killed, ...others] = olds.get(kind) ?? [];
      for (const old of others) drainsMs.push(await replace(setting, kind, old));
      if (drained !== undefined) await drainAndKill(setting, kind, drained);
      if (killed !== undefined) await killUnannounced(setting, kind, killed);
    }
    return summarise(scale, await client.finish(), drainsMs);
  });
}

async function startAll(
  stage: Stage,
  plane: ControlPlane,
  kind: ServiceKind,
  count: number,
): Promise<Served[]> {
  const names = Array.from({ length: count }, (_, index) => `${kind}-old-${index + 1}`);
  return Promise.all(names.map((id) => startService(stage, plane, kind, id)));
}

async function startService(
  stage: Stage,
  plane: ControlPlane,
  kind: ServiceKind,
  id: string,
): Promise<Served> {
  const program = stage.script(id, SERVICE_FILE, [kind, id, plane.address]);
  let output = "";
  program.child.stdout?.on("data", (text) => {
    output += String(text);
  });
  await waitUntil(`${id} is registered`, START_TIMEOUT_MS, () => output.includes("registered"));
  return { id, program };
}

async function successor(setting: Setting, kind: ServiceKind, old: Served): Promise<void> {
  const { stage, plane, client } = setting;
  const { id } = await startService(stage, plane, kind, old.id.replace("old", "new"));
  await waitUntil(`the client calls ${id}`, SERVED_TIMEOUT_MS, async () =>
    (await client.names()).includes(id),
  );
}

/** As a deployment does it. @returns how long the old one took to end. */
async function replace(setting: Setting, kind: ServiceKind, old: Served): Promise<number> {
  await successor(setting, kind, old);
  const startedAt = performance.now();
  old.program.signal("SIGTERM");
  const exit = await Promise.race([old.program.exited, delay(END_TIMEOUT_MS, "nothing")]);
  if (exit !== 0) throw new Error(`${old.id} ended with ${exit} on SIGTERM`);
  const tookMs = performance.now() - startedAt;
  setting.stage.note(`${old.id}: drained itself and ended in ${tookMs.toFixed(0)} ms`);
  return tookMs;
}

async function drainAndKill(setting: Setting, kind: ServiceKind, old: Served): Promise<void> {
  const { stage, plane } = setting;
  await successor(setting, kind, old);
  const service = kind === "http" ? HTTP_SERVICE : GRPC_SERVICE;
  const args = ["drain", service, old.id, "--server", plane.address, "-o", "json"];
  let isKilled = false;
  const { exit, stdout, stderr } = await stage.command(args, (output) => {
    if (isKilled || !/"outcome"\s*:\s*"[A-Z_]*SAFE"/.test(output)) return;
    isKilled = true;
    old.program.signal("SIGKILL");
  });
  if (exit !== 0) throw new Error(`weir drain ${old.id} ended with ${exit}:\n${stdout}${stderr}`);
  stage.note(`${old.id}: drained by an operator, killed at SAFE`);
}

async function killUnannounced(setting: Setting, kind: ServiceKind, old: Served): Promise<void> {
  await successor(setting, kind, old);
  setting.client.send({ do: "only-idempotent" });
  // Bodies that are on their way may not be sent twice: let them arrive.
  await delay(1_000);
  old.program.signal("SIGKILL");
  await old.program.exited;
  setting.stage.note(`${old.id}: killed without a word`);
  await delay(AFTER_KILL_MS);
}

function summarise(scale: Scale, report: ClientReport, drainsMs: readonly number[]): Run {
  const rate = report.requests / report.seconds;
  const figures = {
    requests: report.requests,
    failed: report.failed,
    drained: drainsMs.length + KINDS.length,
    killed: KINDS.length,
    drain_ms_max: Math.round(Math.max(0, ...drainsMs)),
    requests_per_second: Math.round(rate),
    latency_ms_p50: Math.round(report.p50Ms * 100) / 100,
    latency_ms_p99: Math.round(report.p99Ms * 100) / 100,
    left_in_flight: report.leftInFlight,
  };
  const shortfalls = [...report.failures];
  if (report.leftInFlight !== 0) shortfalls.push(`${report.leftInFlight} requests never ended`);
  if (rate < scale.requestsPerSecond * 0.9)
    shortfalls.push(
      `the load was ${rate.toFixed(0)} calls/s instead of ${scale.requestsPerSecond}`,
    );
  return runOf("library", figures, shortfalls);
}
