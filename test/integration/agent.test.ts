import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { agentConfigFrom } from "../../src/apps/agent/config.ts";
import { runAgent } from "../../src/apps/agent/main.ts";
import { serverConfigFrom } from "../../src/apps/control-plane/config.ts";
import { runServer } from "../../src/apps/control-plane/main.ts";
import { connectApi } from "../../src/io/grpc/api-client.ts";
import { freePort } from "../support/free-port.ts";
import { ask } from "../support/http-client.ts";
import { scratchFolder } from "../support/scratch-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const WITHIN_MS = 10_000;

beforeEach(() => {
  vi.stubEnv("WEIR_LOG_LEVEL", "silent");
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
});

/** Stops when the test is over, unless the test did. */
function stopping<T extends { stop(): Promise<void> }>(running: T): T {
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= running.stop();
    return stopped;
  };
  onTestFinished(stop);
  return { ...running, stop };
}

async function aServer(more: { listen?: string; stateDir?: string; settleAfter?: string } = {}) {
  const flags = { listen: "127.0.0.1:0", admin: "127.0.0.1:0", settleAfter: "0s", ...more };
  return stopping(await runServer(serverConfigFrom({ flags, env: {} }).settings, "test"));
}

async function anAgent(controlPlane: string, fileText = "", stateDir = scratchFolder()) {
  const flags = { controlPlane, listen: "127.0.0.1:0", admin: "127.0.0.1:0", stateDir };
  const config = agentConfigFrom({ flags, env: {}, fileText, filePath: "agent.yaml" });
  const agent = stopping(await runAgent(config, "test"));
  return { ...agent, admin: portOf(agent.adminAddress), proxy: portOf(agent.listenAddress) };
}

function portOf(address: string): { port: number } {
  return { port: Number(address.slice(address.lastIndexOf(":") + 1)) };
}

/** Answers with its name; `/slow` once `release` was called. */
async function anApplication(name: string) {
  let release = () => undefined as unknown;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let slowCount = 0;
  const server: Server = createServer((request, response) => {
    if (request.url !== "/slow") {
      response.end(name);
      return;
    }
    slowCount++;
    released.then(
      () => response.end(name),
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { port, release: () => release(), slowCount: () => slowCount, server };
}

function instances(...ports: number[]): string {
  const lines = ports.map((port, i) => `  - { service: orders, id: o-${i + 1}, port: ${port} }`);
  return `subscribe: [orders]\ninstances:\n${lines.join("\n")}\n`;
}

async function isReady(agent: { admin: { port: number } }): Promise<boolean> {
  return (
    (await ask(agent.admin, { path: "/ready", headers: { host: "localhost" } })).status === 200
  );
}

async function page(agent: { admin: { port: number } }, path: string) {
  const { body } = await ask(agent.admin, { path, headers: { host: "localhost" } });
  return JSON.parse(body);
}

function answersWith(agent: { proxy: { port: number } }, name: string) {
  return waitUntil(`an answer of ${name}`, WITHIN_MS, async () => {
    const { status, body } = await ask(agent.proxy);
    return status === 200 && body === name;
  });
}

const LEASE = { namespace: "default", service: "orders", registrationId: "" };

test("an instance that one agent registers serves requests of another one, until its agent stops", async () => {
  const server = await aServer();
  const application = await anApplication("one");
  const provider = await anAgent(server.grpcAddress, instances(application.port));
  const consumer = await anAgent(server.grpcAddress);
  await answersWith(consumer, "one");
  await provider.stop();
  const { status, headers } = await ask(consumer.proxy);
  expect([status, headers["x-weir-reason"]]).toEqual([503, "UH"]);
});

test("an application that dies is taken out by its agent's probe", async () => {
  const server = await aServer();
  const dying = await anApplication("dying");
  const living = await anApplication("living");
  const file = `instances:
  - { service: orders, id: o-1, port: ${dying.port}, probe: { http: /, interval: 50ms, fall: 2 } }
  - { service: orders, id: o-2, port: ${living.port}, probe: { http: /, interval: 50ms } }
`;
  const agent = await anAgent(server.grpcAddress, file);
  await answersWith(agent, "dying");
  dying.server.closeAllConnections();
  dying.server.close();
  await waitUntil("one endpoint to be left", WITHIN_MS, async () => {
    const { services } = await page(agent, "/endpoints");
    const picked = services[0].endpoints.filter(
      (endpoint: { isPicked: boolean }) => endpoint.isPicked,
    );
    return picked.length === 1 && picked[0].id === "o-2";
  });
});

test("a drain is safe only when the agent's last request to the instance is over", async () => {
  const server = await aServer();
  const one = await anApplication("one");
  const two = await anApplication("two");
  const agent = await anAgent(server.grpcAddress, instances(one.port, two.port));
  await answersWith(agent, "one");
  await answersWith(agent, "two");
  const slow: Promise<{ body: string }>[] = [];
  await waitUntil("a slow request at one", WITHIN_MS, async () => {
    slow.push(ask(agent.proxy, { path: "/slow" }));
    await new Promise((resolve) => setImmediate(resolve));
    return one.slowCount() > 0;
  });
  const api = connectApi(server.grpcAddress);
  onTestFinished(() => api.close());
  const early = await api.drain({ ...LEASE, instanceId: "o-1" }, 200);
  expect(early).toMatchObject({ outcome: "deadline" });
  expect(early.pending.map(({ detail }) => detail).join()).toContain("in flight");
  const { body } = await ask(agent.proxy);
  expect(body).toBe("two");
  one.release();
  two.release();
  const late = await api.drain({ ...LEASE, instanceId: "o-1" }, WITHIN_MS);
  expect(late).toMatchObject({ outcome: "safe", pending: [] });
  const bodies = await Promise.all(slow);
  expect(bodies.every((answer) => answer.body === "one" || answer.body === "two")).toBe(true);
});

test("a server that restarts empty takes nothing away while it is not settled", async () => {
  const listen = `127.0.0.1:${await freePort()}`;
  const first = await aServer({ listen });
  const application = await anApplication("one");
  const api = connectApi(listen);
  onTestFinished(() => api.close());
  const provider = await anAgent(listen, instances(application.port));
  const consumer = await anAgent(listen, "subscribe: [orders]");
  await answersWith(consumer, "one");
  await first.stop();
  await provider.stop();
  expect((await ask(consumer.proxy)).body).toBe("one");
  await aServer({ listen, settleAfter: "1h" });
  await waitUntil("the agent to be back", WITHIN_MS, async () => {
    const { controlPlane } = await page(consumer, "/endpoints");
    return controlPlane.isConnected;
  });
  expect((await ask(consumer.proxy)).body).toBe("one");
});

test("without any control plane an agent serves what an earlier run saved", async () => {
  const server = await aServer();
  const application = await anApplication("one");
  const provider = await anAgent(server.grpcAddress, instances(application.port));
  const stateDir = scratchFolder();
  const first = await anAgent(server.grpcAddress, "subscribe: [orders]", stateDir);
  await answersWith(first, "one");
  await first.stop();
  await server.stop();
  const second = await anAgent(server.grpcAddress, "subscribe: [orders]", stateDir);
  expect(await isReady(second)).toBe(true);
  expect((await ask(second.proxy)).body).toBe("one");
  const { services } = await page(second, "/endpoints");
  expect(services).toMatchObject([{ service: "default/orders", origin: "saved" }]);
  await provider.stop();
});

test("of two agents with one instance id, the older stops and says so", async () => {
  const server = await aServer();
  const application = await anApplication("one");
  const older = await anAgent(server.grpcAddress, instances(application.port));
  await waitUntil("the older to be registered", WITHIN_MS, async () => {
    return (await page(older, "/instances")).instances[0].status === "registered";
  });
  const younger = await anAgent(server.grpcAddress, instances(application.port));
  await waitUntil("the older to give up", WITHIN_MS, async () => {
    return (await page(older, "/instances")).instances[0].status === "superseded";
  });
  expect((await page(younger, "/instances")).instances[0].status).toBe("registered");
  await older.stop();
  await answersWith(younger, "one");
});

test("an agent that asks for everything learns of services that come later", async () => {
  const server = await aServer();
  const all = await anAgent(server.grpcAddress, 'subscribe: ["*"]');
  const application = await anApplication("one");
  await anAgent(server.grpcAddress, instances(application.port));
  await waitUntil("orders to appear", WITHIN_MS, async () => {
    const { services } = await page(all, "/endpoints");
    return services.some((known: { endpoints: unknown[] }) => known.endpoints.length === 1);
  });
});

test("the admin port shows figures and settings, and no page to strangers", async () => {
  const server = await aServer();
  const application = await anApplication("one");
  const agent = await anAgent(server.grpcAddress, instances(application.port));
  await answersWith(agent, "one");
  const local = { host: "localhost" };
  const { body: metrics } = await ask(agent.admin, { path: "/metrics", headers: local });
  expect(metrics).toContain("weir_agent_control_plane_connected 1");
  expect(metrics).toMatch(
    /weir_agent_requests_total\{service="default\/orders",endpoint="o-1",code_class="success"\} [1-9]/,
  );
  const config: { name: string; source: string }[] = await page(agent, "/config");
  expect(config.find(({ name }) => name === "subscribe")?.source).toBe("agent.yaml:1");
  expect(await page(agent, "/version")).toMatchObject({ version: "test" });
  const stranger = await ask(agent.admin, { path: "/config", headers: { host: "evil.example" } });
  expect(stranger.status).toBe(403);
});

test("an agent that knows nothing is not ready, lives, and says what it waits for", async () => {
  const agent = await anAgent("127.0.0.1:1", "subscribe: [orders]");
  const ready = await ask(agent.admin, { path: "/readyz", headers: { host: "localhost" } });
  expect(ready.status).toBe(503);
  expect(ready.body).toContain("nothing is known of default/orders yet (no control plane");
  const verbose = { path: "/readyz?verbose", headers: { host: "localhost" } };
  expect((await ask(agent.admin, verbose)).body).toMatch(
    /^\[-\]endpoints failing: nothing is known of default\/orders.*\n\[!\]control-plane degraded: .*\n\[\+\]last-known-good ok\n\[\+\]instances ok\nnot ready\n$/,
  );
  const live = await ask(agent.admin, { path: "/healthz", headers: { host: "localhost" } });
  expect(live.status).toBe(200);
});

test("an agent whose port is taken says so and leaves nothing behind", async () => {
  const server = await aServer();
  const first = await anAgent(server.grpcAddress);
  const admin = `127.0.0.1:${await freePort()}`;
  const flags = { listen: first.listenAddress, admin, stateDir: scratchFolder() };
  const config = agentConfigFrom({ flags, env: {} });
  await expect(runAgent(config, "test")).rejects.toThrow("another process holds it");
  await expect(ask(portOf(admin))).rejects.toThrow("ECONNREFUSED");
});
