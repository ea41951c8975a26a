import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { buildPackageInto } from "../support/built-package.ts";
import { freePort } from "../support/free-port.ts";
import { runIn, terminalEnvironment } from "../support/npm.ts";
import { RunningProcess } from "../support/running-process.ts";
import { fencesIn, repositoryFile } from "../support/text-fences.ts";
import { waitUntil } from "../support/wait-until.ts";

/** docs/joining.md and the programs in examples/, as real processes against a real control plane. */

/** A build and a start on a busy machine. */
const BUILD_TIMEOUT_MS = 60_000;

const JOINED_TIMEOUT_MS = 15_000;

const hasPython = spawnSync("python3", ["--version"]).status === 0;

let folder: string;
let environment: Record<string, string>;
let server: RunningProcess | undefined;
const processes: RunningProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "weir-examples-"));
  cpSync(repositoryFile("examples"), folder, { recursive: true });
  const commands = await buildPackageInto(folder);
  const { PATH = "" } = terminalEnvironment();
  environment = terminalEnvironment({ PATH: `${commands}:${PATH}` });
  const ports = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
  // Until it has settled no drain is safe.
  server = start(["weir", "server", ...ports, "--settle-after", "1s"]);
  processes.length = 0;
  const [, controlPlane = ""] = await server.line(/gRPC API +(\S+)/);
  environment["WEIR_CONTROL_PLANE"] = controlPlane;
  environment["WEIR_SERVER"] = controlPlane;
}, BUILD_TIMEOUT_MS);

afterEach(async () => {
  for (const process of processes.splice(0).reverse()) await process.end("SIGKILL");
});

afterAll(async () => {
  await server?.end("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** In a process group of its own, so that what a shell started ends with it. */
function start(command: readonly string[], env: Record<string, string> = {}, below = "") {
  const [program = "", ...args] = command;
  const cwd = join(folder, below);
  const options = { cwd, env: { ...environment, ...env }, detached: true };
  const process = new RunningProcess(program, args, options);
  processes.push(process);
  return process;
}

/** An agent of a test listens where nobody else does. */
const AGENT = { WEIR_LISTEN: "127.0.0.1:0", WEIR_ADMIN: "127.0.0.1:0" };

/** Starts the shell lines of docs/joining.md, on another port than 8080. */
function startDocumented(name: string, port: number, below = ""): RunningProcess {
  const lines = fencesIn("docs/joining.md", "run").get(name);
  if (lines === undefined) throw new Error(`docs/joining.md has no <!-- run: ${name} -->`);
  const state = { WEIR_STATE_DIR: join(folder, "state", name) };
  return start(["sh", "-c", lines.replaceAll("8080", String(port))], { ...AGENT, ...state }, below);
}

async function endpointsOf(service: string): Promise<readonly { readonly state: string }[]> {
  const text = await runIn(folder, "weir", ["endpoints", service, "-o", "json"], environment);
  return JSON.parse(text).endpoints;
}

async function joined(service: string, count = 1): Promise<void> {
  await waitUntil(`${count} healthy of ${service}`, JOINED_TIMEOUT_MS, async () => {
    const endpoints = await endpointsOf(service);
    return endpoints.filter(({ state }) => state === "healthy").length === count;
  });
}

async function left(service: string): Promise<void> {
  await waitUntil(`nothing left of ${service}`, JOINED_TIMEOUT_MS, async () => {
    return (await endpointsOf(service).catch(() => [])).length === 0;
  });
}

/** One GET through an agent, by host name. */
function askThrough(agent: string, service: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { host: `${service}.weir` };
    const call = request(`http://${agent}/`, { headers }, async (answer) => {
      let body = "";
      for await (const part of answer.setEncoding("utf8")) body += part;
      resolve(`${answer.statusCode} ${body}`);
    });
    call.on("error", reject).end();
  });
}

async function addressOf(agent: RunningProcess): Promise<string> {
  const [, address = ""] = await agent.line(/requests to services +http:\/\/(\S+)/);
  return address;
}

test.skipIf(!hasPython)("any program joins by one line, and leaves with its agent", async () => {
  const agent = startDocumented("any-program", await freePort(), "python");
  const address = await addressOf(agent);
  await joined("hello");
  expect(await askThrough(address, "hello")).toMatch(/^200 [\s\S]*app\.py/);
  await agent.end();
  await left("hello");
});

test.skipIf(!hasPython)(
  "a plain Python service joins by an agent's two lines of YAML",
  async () => {
    const port = await freePort();
    start(["python3", "app.py"], { PORT: String(port) }, "python");
    const path = join(folder, "python", "agent.yaml");
    writeFileSync(path, readFileSync(path, "utf8").replace("8080", String(port)));
    const agent = startDocumented("python", port, "python");
    const address = await addressOf(agent);
    await joined("greetings");
    expect(await askThrough(address, "greetings")).toBe("200 greetings from Python\n");
    await agent.end();
    await left("greetings");
  },
);

test.skipIf(!hasPython)(
  "it also joins by weir register, and any agent sends requests to it",
  async () => {
    const port = await freePort();
    const app = start(["python3", "app.py"], { PORT: String(port) }, "python");
    const agent = start(["weir", "agent"], {
      ...AGENT,
      WEIR_STATE_DIR: join(folder, "state", "b"),
    });
    const address = await addressOf(agent);
    const registered = startDocumented("register", port);
    await joined("greetings");
    await waitUntil("the Python service listens", JOINED_TIMEOUT_MS, async () => {
      return (await askThrough(address, "greetings")) === "200 greetings from Python\n";
    });
    await registered.end();
    await left("greetings");
    await app.end();
  },
);

test("a Node service joins by three lines, and leaves on SIGTERM by itself", async () => {
  const [one] = [1, 2].map(() => start(["node", "service.mjs"], {}, "node"));
  await joined("hello", 2);
  const client = start(["node", "client.mjs"], {}, "node");
  expect([await client.exited, client.stdout]).toEqual([0, "hello from Node\n"]);
  expect(await one?.end()).toBe(0);
  await joined("hello", 1);
});

test("gRPC services join by three lines, and every call of a client is balanced", async () => {
  const servers = [1, 2].map(() => start(["node", "server.mjs"], {}, "grpc"));
  await joined("orders", 2);
  const client = start(["node", "client.mjs"], {}, "grpc");
  expect([await client.exited, client.stderr]).toEqual([0, ""]);
  const lines = client.stdout.trim().split("\n");
  expect(lines.map((line) => line.split(" ")[1])).toEqual(["1", "2", "3", "4", "5", "6", "7", "8"]);
  const pids = new Set(lines.map((line) => Number(line.split(" ").at(-1))));
  for (const pid of pids) expect(servers.map(({ child }) => child.pid)).toContain(pid);
  expect(await servers[0]?.end()).toBe(0);
  await joined("orders", 1);
});

test("what docs/joining.md shows of a file is in that file", () => {
  const shown = fencesIn("docs/joining.md", "file");
  expect(shown.size).toBe(5);
  for (const [name, code] of shown) {
    const [path = ""] = name.split("#");
    const file = readFileSync(repositoryFile(path), "utf8").split("\n");
    for (const line of code.trimEnd().split("\n")) expect(file).toContain(line);
    expect(code.trimEnd().split("\n").length).toBeLessThanOrEqual(3);
  }
});
