import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WeirProcess } from "../support/weir-process.ts";

/** `weir dev` and `weir agent` as processes: from a registration to a request. */
let directory: string;
let application: Server;
let applicationPort: number;
const started: WeirProcess[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "weir-programs-"));
  application = createServer((_, response) => response.end("hello\n"));
  await new Promise<void>((resolve) => application.listen(0, "127.0.0.1", resolve));
  applicationPort = (application.address() as AddressInfo).port;
});

afterEach(async () => {
  for (const weir of started.splice(0)) await weir.end("SIGKILL");
  application.closeAllConnections();
  application.close();
  await rm(directory, { recursive: true, force: true });
});

function start(...args: string[]): WeirProcess {
  const weir = new WeirProcess(args, { cwd: directory });
  started.push(weir);
  return weir;
}

const PORTS = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
const SERVER_PORTS = ["--server-listen", "127.0.0.1:0", "--server-admin", "127.0.0.1:0"];

async function startDev(): Promise<{
  dev: WeirProcess;
  api: string;
  agent: string;
  admin: string;
}> {
  const dev = start("dev", ...PORTS, ...SERVER_PORTS);
  const [, api = ""] = await dev.line(/control plane +(\S+) \(gRPC\)/);
  const [, agent = "", admin = ""] = await dev.line(
    /agent +http:\/\/(\S+) \(requests\), http:\/\/(\S+) \(/,
  );
  return { dev, api, agent, admin };
}

async function ask(agent: string, service: string): Promise<{ status: number; body: string }> {
  // fetch() does not let its caller choose the Host header.
  return await new Promise((resolve, reject) => {
    const call = request(`http://${agent}/`, { headers: { host: `${service}.weir` } }, (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body }));
    });
    call.on("error", reject).end();
  });
}

test("dev answers a request to a service that was registered a moment ago, and ends cleanly", async () => {
  const { dev, api, agent, admin } = await startDev();
  const target = `127.0.0.1:${applicationPort}`;
  const registered = start("register", "hello", target, "--once", "--server", api);
  expect(await registered.exited).toBe(0);
  expect(await ask(agent, "hello")).toEqual({ status: 200, body: "hello\n" });

  const health = start("health", "--agent", admin);
  expect(await health.exited).toBe(0);
  const other = start("register", "hello", target, "--id", "other", "--once", "--server", api);
  expect(await other.exited).toBe(0);
  const drained = start("drain", "hello", target, "--server", api);
  expect([await drained.exited, drained.stdout]).toEqual([0, expect.stringContaining("SAFE")]);
  expect(await dev.end("SIGTERM")).toBe(0);
});

test("agent -- COMMAND gives the command its agent, and ends with its exit code", async () => {
  const script = "console.log('agent=' + process.env.WEIR_AGENT); process.exit(5)";
  const agent = start("agent", ...PORTS, "--", process.execPath, "-e", script);
  const [, address = ""] = await agent.line(/requests to services +(\S+)/);
  expect(await agent.exited).toBe(5);
  expect(agent.stdout).toContain(`agent=${address}`);
});

test("a signal reaches the command first, which still has its agent while it finishes", async () => {
  const script = `
    process.on("SIGTERM", () => fetch(process.env.WEIR_AGENT).then((answer) => {
      console.log("last answer " + answer.status);
      process.exit(0);
    }));
    setInterval(() => undefined, 1000);
    console.log("command is up");`;
  const agent = start("agent", ...PORTS, "--", process.execPath, "-e", script);
  await agent.line(/command is up/);
  expect(await agent.end("SIGTERM")).toBe(0);
  expect(agent.stdout).toContain("last answer 404");
});

test("a command that cannot be started is an error with its name", async () => {
  const agent = start("agent", ...PORTS, "--", join(directory, "no-such-program"));
  expect(await agent.exited).toBe(1);
  expect(agent.stderr).toContain("no-such-program");
});

test.each([
  { text: "lisen: 127.0.0.1:0", says: "did you mean listen?" },
  { text: "listen: [", says: "agent.yaml" },
])("settings that cannot be used end with 64: $says", async ({ text, says }) => {
  await writeFile(join(directory, "agent.yaml"), text);
  const agent = start("agent", "--config", "agent.yaml");
  expect(await agent.exited).toBe(64);
  expect(agent.stderr.toLowerCase()).toContain(says);
});

test("a settings file that is not there is named", async () => {
  const agent = start("agent", "--config", "nowhere.yaml");
  expect(await agent.exited).toBe(64);
  expect(agent.stderr).toContain("nowhere.yaml");
});

test("who insists ends an agent and its command at once, where the first signal only asked", async () => {
  // This command ignores signals, so the agent would wait for it for ever.
  const script =
    'process.on("SIGTERM", () => console.log("no")); setInterval(() => undefined, 1000); console.log("command is up")';
  const agent = start("agent", ...PORTS, "--", process.execPath, "-e", script);
  await agent.line(/command is up/);
  // As somebody does who has lost patience.
  const insisting = setInterval(() => agent.child.kill("SIGTERM"), 100);
  expect(await agent.exited).toBe(143);
  clearInterval(insisting);
  expect(agent.stdout).toContain("no");
});
