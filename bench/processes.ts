/** Starts and ends the processes of a bench. */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../test/support/free-port.ts";
import { waitUntil } from "../test/support/wait-until.ts";

const START_TIMEOUT_MS = 20_000;

/** A process of this bench; all of them end with it. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export interface Server {
  readonly address: string;
  readonly pid: number;
  /** What was printed so far, its end. */
  output(): string;
  stop(): Promise<void>;
}

/** Both servers can be told to collect garbage, and neither has a larger heap than Node's default. */
const NODE_FLAGS = ["--expose-gc", "--import", pathOf("gc-on-signal.ts")];

export async function startRawServer(): Promise<Server> {
  const address = `127.0.0.1:${await freePort()}`;
  return start("the raw server", [pathOf("watch-raw-server.ts"), address], address, () =>
    accepts(address),
  );
}

/** One replica, settled at once: the bench is not about its first 30 seconds. */
export async function startWeirServer(): Promise<Server> {
  const address = `127.0.0.1:${await freePort()}`;
  const admin = `127.0.0.1:${await freePort()}`;
  const state = mkdtempSync(join(tmpdir(), "weir-bench-state-"));
  const args = [pathOf("../src/apps/cli/main.ts"), "server", "--listen", address, "--admin", admin];
  args.push("--state-dir", state, "--settle-after", "0s");
  const server = await start(
    "the weir server",
    args,
    address,
    async () => (await fetch(`http://${admin}/readyz`)).ok,
  );
  const stop = async (): Promise<void> => {
    await server.stop();
    rmSync(state, { recursive: true, force: true });
  };
  return { ...server, stop };
}

/** One replica as `weir server` starts it, without a state directory. */
export async function startBareWeirServer(): Promise<Server> {
  const address = `127.0.0.1:${await freePort()}`;
  const admin = `127.0.0.1:${await freePort()}`;
  const args = [pathOf("../src/apps/cli/main.ts"), "server", "--listen", address, "--admin", admin];
  return start("weir", args, address, async () => (await fetch(`http://${admin}/healthz`)).ok);
}

export async function startEchoServer(): Promise<Server> {
  const address = `127.0.0.1:${await freePort()}`;
  return start("echo", [pathOf("register-echo-server.ts"), address], address, () =>
    accepts(address),
  );
}

async function start(
  name: string,
  args: readonly string[],
  address: string,
  isUp: () => Promise<boolean>,
): Promise<Server> {
  return startProgram(name, [process.execPath, ...NODE_FLAGS, ...args], address, isUp);
}

/** Any program that serves on `address`; resolves once it is up. @param isUp accepts connections, when left out. */
export async function startProgram(
  name: string,
  [program = "", ...args]: readonly string[],
  address: string,
  isUp: () => Promise<boolean> = () => accepts(address),
): Promise<Server> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  let output = "";
  const keep = (text: Buffer): void => {
    output = (output + text.toString()).slice(-4_000);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  child.once("error", (error) => keep(Buffer.from(error.message)));
  child.once("exit", () => running.delete(child));
  await waitUntil(`${name} is up`, START_TIMEOUT_MS, isUp).catch((cause: unknown) => {
    throw new Error(`${name} did not start:\n${output}`, { cause });
  });
  return { address, pid: child.pid ?? 0, output: () => output, stop: () => end(child) };
}

function accepts(address: string): Promise<boolean> {
  const [host, port] = address.split(":");
  return new Promise((resolve) => {
    const socket = connect(Number(port), host);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** A program of the bench that is told what to do through messages. */
export function startChild(file: string): ChildProcess {
  const child = fork(pathOf(file), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

export function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}

/** Resident memory in bytes (Linux). */
export function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  if (match === null) throw new Error(`no resident memory of process ${pid}`);
  return Number(match[1]) * 1_024;
}

/** Bytes in V8's heap and beside it that are still needed, after a full collection (see gc-on-signal.ts). */
export async function heldBytes(server: Server): Promise<number> {
  const before = server.output().split("memory ").length;
  collectGarbage(server.pid);
  await waitUntil("the server's memory is known", START_TIMEOUT_MS, () => {
    const lines = server.output().split("memory ");
    return lines.length > before && lines.at(-1)?.includes("\n");
  });
  return Number.parseInt(server.output().split("memory ").at(-1) ?? "", 10);
}

/** The kernel counts in hundredths of a second. */
const TICK_MS = 10;

/** Processor time of all threads of a process, user and system, in milliseconds (Linux). */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name before the last bracket may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Processor time of a process's main thread alone, in milliseconds (Linux): garbage is collected beside it too. */
export function mainThreadMs(pid: number): number {
  const [runNs] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ");
  return Number(runNs) / 1e6;
}

/** Asks for a full collection (see gc-on-signal.ts). */
export function collectGarbage(pid: number): void {
  process.kill(pid, "SIGUSR2");
}

/** Of a file in this folder, however the bench was started. */
export function pathOf(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}
