import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { TestCa } from "../support/certificates.ts";
import { echo } from "../support/http-client.ts";
import { startServer } from "../support/proxy.ts";
import { writeTokens } from "../support/secure-server.ts";
import { waitUntil } from "../support/wait-until.ts";
import { WeirProcess } from "../support/weir-process.ts";

/** Server, agent and command line as processes, with everything on: mutual TLS and tokens. */

const SERVER_TOKEN = "server-0123456789abcdef";
const APP_TOKEN = "app-0123456789abcdef";

const ANY_PORT = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];

let folder: string;
let ca: TestCa;
let server: WeirProcess;
let address: string;
let serverTokens: string;
let clientFlags: readonly string[];
const started: WeirProcess[] = [];

function start(args: readonly string[], env: Record<string, string> = {}): WeirProcess {
  const weir = new WeirProcess(args, { cwd: folder, env });
  started.push(weir);
  return weir;
}

/** The security of a program's own ports. */
function ports(tokenFile: string): string[] {
  const { cert, key } = ca.issue();
  const tls = ["--tls-cert", cert, "--tls-key", key];
  return [...tls, "--tls-client-ca", ca.path, "--token-file", tokenFile];
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weir-secure-"));
  ca = new TestCa(folder);
  serverTokens = writeTokens(join(folder, "server-tokens"), `ops:${SERVER_TOKEN}`);
  const security = ports(serverTokens);
  server = new WeirProcess(["server", ...ANY_PORT, "--settle-after", "0s", ...security], {
    cwd: folder,
  });
  [, address = ""] = await server.line(/gRPC API +(\S+)/);
});

beforeEach(() => {
  const { cert, key } = ca.issue({ commonName: "ops" });
  clientFlags = ["--server", address, "--ca", ca.path, "--cert", cert, "--key", key];
});

afterEach(async () => {
  for (const weir of started.splice(0)) await weir.end("SIGKILL");
});

afterAll(async () => {
  await server.end("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

/** One request to a program's TLS port. */
function ask(where: string, path: string, headers: Record<string, string>) {
  const { cert, key } = ca.issue();
  const identity = { ca: ca.pem, cert: readFileSync(cert), key: readFileSync(key) };
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const options = { ...identity, servername: "localhost", headers, agent: false };
    request(`https://${where}${path}`, options, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    })
      .on("error", reject)
      .end();
  });
}

test("the command line gets in with certificate and token, and says what is missing without", async () => {
  const tokenFile = writeTokens(join(folder, "ops-token"), SERVER_TOKEN);
  const good = start(["services", ...clientFlags, "--token-file", tokenFile]);
  expect(await good.exited).toBe(0);
  expect(good.stderr).toMatch(/^no services;.*\n$/);

  const env = { WEIR_SERVER: address, WEIR_TOKEN: SERVER_TOKEN, WEIR_CA: ca.path };
  const pair = ca.issue();
  const byEnv = start(["health"], { ...env, WEIR_CERT: pair.cert, WEIR_KEY: pair.key });
  expect([await byEnv.exited, byEnv.stderr]).toEqual([0, ""]);

  const noToken = start(["services", ...clientFlags]);
  expect(await noToken.exited).toBe(5);
  expect(noToken.stderr).toContain("give one with --token-file");

  const watching = start(["watch", "--all", ...clientFlags]);
  expect(await watching.exited).toBe(5);
  expect(watching.stderr).toContain("give one with --token-file");

  const plain = start(["services", "--server", address]);
  expect(await plain.exited).toBe(4);
  expect(plain.stderr).toContain("speaks TLS and this client plaintext");

  const noCertificate = start(["services", "--server", address, "--ca", ca.path]);
  expect(await noCertificate.exited).toBe(4);
  expect(noCertificate.stderr).toContain("asks for a client certificate");
});

test("an agent registers, watches and relays with certificates and tokens on every port", async () => {
  const backend = await startServer(echo);
  const { cert, key } = ca.issue({ commonName: "agent-1" });
  const config = join(folder, "agent.yaml");
  const settings = {
    id: "agent-1",
    stateDir: join(folder, "agent-1"),
    controlPlane: [address],
    controlPlaneTls: { ca: ca.path, cert, key },
    controlPlaneTokenFile: writeTokens(join(folder, "agent-token"), SERVER_TOKEN),
    subscribe: ["orders"],
    instances: [{ service: "orders", id: "o-1", port: backend.port, probe: { tcp: true } }],
  };
  writeFileSync(config, JSON.stringify(settings));
  const appTokens = writeTokens(join(folder, "app-tokens"), APP_TOKEN);
  const agent = start(["agent", "--config", config, ...ANY_PORT, ...ports(appTokens)]);
  const [, listen = ""] = await agent.line(/requests to services +https:\/\/(\S+)/);
  const [, admin = ""] = await agent.line(/readiness, metrics +https:\/\/(\S+)/);

  const shown = { host: "orders.weir", "proxy-authorization": `Bearer ${APP_TOKEN}` };
  const answer = await waitUntil("a relayed request", 15_000, async () => {
    const got = await ask(listen, "/x", shown);
    return got.status === 200 && got;
  });
  expect(answer.body).not.toContain(APP_TOKEN);
  expect((await ask(listen, "/x", { host: "orders.weir" })).status).toBe(407);

  expect((await ask(admin, "/ready", {})).status).toBe(200);
  expect((await ask(admin, "/metrics", {})).status).toBe(401);
  expect((await ask(admin, "/metrics", { authorization: `Bearer ${APP_TOKEN}` })).status).toBe(200);
  const config2 = await ask(admin, "/config", { authorization: `Bearer ${APP_TOKEN}` });
  expect(config2.body).toContain("app-tokens");
  expect(config2.body).not.toContain(APP_TOKEN);

  const health = start(["health", "--agent", admin, ...clientFlags.slice(2)]);
  expect([await health.exited, health.stderr]).toEqual([0, ""]);

  agent.child.kill("SIGHUP");
  await agent.line(/SIGHUP: reloaded/);
  writeTokens(appTokens, "not a token");
  agent.child.kill("SIGHUP");
  await agent.line(
    /SIGHUP: not reloaded, the former settings stay: cannot use .*app-tokens: line 1/,
  );
  expect((await ask(listen, "/x", shown)).status).toBe(200);
  await backend.stop();
});

test("an agent with a wrong token says so and what to do, and does not end", async () => {
  const { cert, key } = ca.issue();
  const tokenFile = writeTokens(join(folder, "wrong-token"), "wrong-0123456789abcdef");
  const tls = ["--control-plane-tls-ca", ca.path, "--control-plane-tls-cert", cert];
  const towards = [...tls, "--control-plane-tls-key", key, "--control-plane-token-file", tokenFile];
  const agent = start(["agent", "--control-plane", address, ...ANY_PORT, ...towards]);
  await agent.line(/does not accept that token.*repair its configuration/);
  expect(agent.child.exitCode).toBeNull();
  expect(agent.stderr).not.toContain("wrong-0123456789abcdef");
});

test("a command behind an agent starts although the agent's own ports ask for everything", async () => {
  const tokenFile = writeTokens(join(folder, "own-tokens"), APP_TOKEN);
  const own = [...ANY_PORT, ...ports(tokenFile), "--state-dir", join(folder, "agent-2")];
  const print = "console.log(process.env.WEIR_AGENT)";
  const agent = start(["agent", ...own, "--", process.execPath, "-e", print]);
  await agent.line(/^https:\/\/127\.0\.0\.1:\d+$/m);
  expect(await agent.exited).toBe(0);
});

describe("a program with security that cannot work says why and does not start", () => {
  test.each([
    [["--tls-cert", "a.crt"], "give both --tls-cert FILE and --tls-key FILE"],
    [["--tls-client-ca", "a.crt"], "which needs --tls-cert and --tls-key"],
    [["--tls-cert", "a.crt", "--tls-key", "a.key"], "cannot use a.crt: there is no such file"],
    [["--token-file", "no-tokens"], "cannot use no-tokens: there is no such file"],
    [["--admin", "0.0.0.0:0"], "admin: 0.0.0.0:0 would speak plaintext beyond this machine"],
  ])("%j", async (flags, why) => {
    for (const program of ["server", "agent"]) {
      const weir = start([program, ...ANY_PORT, ...flags]);
      expect(await weir.exited).not.toBe(0);
      expect(weir.stderr).toContain(why);
    }
  });

  test("a token that would cross a network in plaintext", async () => {
    const tokenFile = writeTokens(join(folder, "far-token"), SERVER_TOKEN);
    const far = ["--control-plane", "192.0.2.1:7400", "--control-plane-token-file", tokenFile];
    const agent = start(["agent", ...ANY_PORT, ...far]);
    expect(await agent.exited).toBe(64);
    expect(agent.stderr).toContain("the token would cross the network to 192.0.2.1:7400");
  });
});
