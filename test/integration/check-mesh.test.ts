import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { agentConfigFrom } from "../../src/apps/agent/config.ts";
import { runAgent } from "../../src/apps/agent/main.ts";
import { serverConfigFrom } from "../../src/apps/control-plane/config.ts";
import { runServer } from "../../src/apps/control-plane/main.ts";
import type { ResourceAck, Update } from "../../src/core/discovery/update.ts";
import type { Instance, ServiceDefaults } from "../../src/core/model/instance.ts";
import { NO_LOCALITY } from "../../src/core/model/instance.ts";
import type { InstanceId, RegistrationId } from "../../src/core/model/names.ts";
import { connectApi } from "../../src/io/grpc/api-client.ts";
import { grpcWatchSource } from "../../src/io/grpc/watch-client.ts";
import type { WatchStream } from "../../src/ports/watch-source.ts";
import { anInstance } from "../support/builders.ts";
import { at } from "../support/fake-streams.ts";
import { freePort } from "../support/free-port.ts";
import { scratchFolder } from "../support/scratch-folder.ts";
import { waitUntil } from "../support/wait-until.ts";
import { weirCheck } from "../support/weir-check.ts";

/** Faults of services and agents, made for real. */
const WITHIN_MS = 20_000;

beforeEach(() => {
  vi.stubEnv("WEIR_LOG_LEVEL", "silent");
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
});

async function aServer(listen = "127.0.0.1:0") {
  const flags = { listen, admin: "127.0.0.1:0", settleAfter: "0s" };
  const server = await runServer(serverConfigFrom({ flags, env: {} }).settings, "0.1.0");
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= server.stop();
    return stopped;
  };
  onTestFinished(stop);
  return { ...server, stop };
}

function anApi(address: string) {
  const api = connectApi(address);
  onTestFinished(() => api.close());
  return {
    ...api,
    /** For five minutes, unless told otherwise. */
    put: (
      of: Partial<Omit<Instance, "id">> & { id: string },
      defaults?: Partial<ServiceDefaults>,
    ) =>
      api.register({
        instance: anInstance({
          leaseMs: 300_000,
          registrationId: "" as RegistrationId,
          generation: 0,
          ...of,
        }),
        defaults: defaults && { protocol: "http1", policy: "", ...defaults },
        leaseToken: new Uint8Array(),
      }),
  };
}

/** An agent that answers updates as a test wants; `undefined` does not answer. */
function aWatcher(
  address: string,
  agentId: string,
  answer: (update: Update) => Partial<ResourceAck> | undefined,
  softwareVersion = "0.1.0",
): WatchStream {
  const hello = { agentId, isDataPlane: true, locality: NO_LOCALITY, softwareVersion };
  const stream: WatchStream = grpcWatchSource().open(at(address), hello, {
    welcome: () =>
      stream.subscribe(false, [{ namespace: "default", service: "orders", resume: undefined }]),
    update: (update) => {
      const part = answer(update);
      if (part === undefined) return;
      const { type, namespace, service, version } = update;
      const chunk = type === "endpoints" ? update.chunk : 0;
      const nonce = { type, namespace, service, version, chunk };
      stream.acknowledge([{ nonce, rejected: [], digestMismatch: false, held: false, ...part }]);
    },
    heartbeat: () => undefined,
    drain: () => undefined,
    end: () => undefined,
  });
  onTestFinished(() => stream.close());
  return stream;
}

async function anAgent(
  controlPlane: string,
  { fileText = "", stateDir = scratchFolder() }: { fileText?: string; stateDir?: string } = {},
) {
  const listen = `127.0.0.1:${await freePort()}`;
  const flags = { controlPlane, listen, admin: "127.0.0.1:0", stateDir };
  const config = agentConfigFrom({ flags, env: {}, fileText, filePath: "agent.yaml" });
  const agent = await runAgent(config, "0.1.0");
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= agent.stop();
    return stopped;
  };
  onTestFinished(stop);
  return { ...agent, stop };
}

test("a mesh with an agent that is well ends with 0", async () => {
  const { grpcAddress } = await aServer();
  const api = anApi(grpcAddress);
  await api.put({ id: "a" });
  await api.put({ id: "b" });
  const { adminAddress } = await anAgent(grpcAddress, { fileText: "subscribe: [orders]" });
  const run = await weirCheck("--server", grpcAddress, "--agent", adminAddress, "--wait", "10s");
  expect(run.exit).toBe(0);
  expect(run.ids).toEqual(["no-state-directory"]);
});

test("services that disagree, are alone, are backups, weigh nothing, or serve nobody", async () => {
  const { grpcAddress } = await aServer();
  const api = anApi(grpcAddress);
  await api.put({ service: "mixed", id: "m-1" }, { policy: "round_robin" });
  await api.put({ service: "mixed", id: "m-2" }, { policy: "random" });
  await api.put({ service: "magic", id: "g-1" }, { policy: "round_robbin" });
  await api.put({ service: "backup", id: "b-1", priority: 1 });
  await api.put({ service: "light", id: "l-1", weight: 0 });
  await api.put({ service: "sick", id: "s-1", health: "unhealthy" });
  await api.put({ service: "last", id: "e-1" });
  const lease = { namespace: "default", service: "last", instanceId: "e-1", registrationId: "" };
  await api.drain(lease, 0);
  const left = { service: "left", id: "x-1" };
  await api.put(left);
  await api.deregister({ ...lease, service: "left", instanceId: "x-1" });
  const run = await weirCheck("--server", grpcAddress);
  expect(run.exit).toBe(1);
  expect(run.of("conflicting-defaults")).toMatch(
    /^mixed \| http1\/round_robin say m-1; http1\/random say m-2\. In force is http1\/round_robin/,
  );
  expect(run.of("unknown-policy")).toMatch(/^magic .*policy: round_robin }/);
  expect(run.of("backups-only")).toMatch(/^backup /);
  expect(run.of("no-weight")).toMatch(/^light /);
  expect(run.of("service-without-endpoints")).toMatch(/^sick .*s-1/);
  expect(run.of("last-endpoint-draining")).toMatch(/^last .*weir undrain last e-1 --server/);
  expect(run.of("service-empty")).toMatch(/^left /);
  expect(run.of("single-instance")).toContain("magic");
  expect(run.ids).toContain("no-agents");
});

test("a fleet that goes silent freezes expiry, and the instances that are silent are named", async () => {
  const { grpcAddress } = await aServer();
  const api = anApi(grpcAddress);
  for (const id of ["a", "b", "c", "d"]) await api.put({ id, leaseMs: 3_000 });
  await waitUntil("expiry to freeze", WITHIN_MS, async () => {
    const instances = await api.listInstances("default", "orders", new Map());
    return instances.every(({ state }) => state === "suspect");
  });
  const run = await weirCheck("--server", grpcAddress);
  expect(run.exit).toBe(1);
  expect(run.of("expiry-frozen")).toContain(`weir evict orders a --server ${grpcAddress}`);
  expect(run.of("all-suspect")).toMatch(/^orders .*4 instances, all silent: a, b, c and 1 more/);
  expect(run.of("lease-overdue")).toContain("4 of 4 silent");
});

test("agents that reject, are silent, are two in one, are old, or went without a word", async () => {
  const { grpcAddress } = await aServer();
  const api = anApi(grpcAddress);
  await api.put({ id: "a" });
  const rejected = [{ id: "a" as InstanceId, reason: "port 99999 does not exist" }];
  aWatcher(grpcAddress, "picky", () => ({ rejected }) as unknown as Partial<ResourceAck>);
  aWatcher(grpcAddress, "mute", () => undefined);
  aWatcher(grpcAddress, "twin", () => ({}));
  aWatcher(grpcAddress, "twin", () => ({}));
  aWatcher(grpcAddress, "old", () => ({}), "0.0.9");
  const lost = aWatcher(grpcAddress, "lost", () => ({}));
  await waitUntil("all to be there", WITHIN_MS, async () => (await api.listAgents()).length === 6);
  await waitUntil("the mute one to be late", WITHIN_MS, async () => {
    const mute = (await api.listAgents()).find(({ id }) => id === "mute");
    return mute !== undefined && mute.lagMs > 5_000;
  });
  lost.close();
  await waitUntil("the lost one to be missed", WITHIN_MS, async () => {
    return (await api.listAgents()).some(({ state }) => state === "disconnected");
  });
  const run = await weirCheck("--server", grpcAddress);
  expect(run.exit).toBe(1);
  expect(run.of("agent-rejects")).toMatch(/^agent picky .*port 99999 does not exist/);
  expect(run.of("agent-stale")).toMatch(/^agent mute /);
  expect(run.of("agent-id-twice")).toMatch(/^agent twin .*2 agents call themselves twin/);
  expect(run.of("agent-disconnected")).toMatch(/^agent lost /);
  expect(run.of("version-skew")).toMatch(/^agent old \| Version 0\.0\.9/);
});

test("an agent without a control plane that knows nothing", async () => {
  const { grpcAddress } = await aServer();
  const { adminAddress } = await anAgent("127.0.0.1:1", { fileText: "subscribe: [orders]" });
  const run = await weirCheck("--server", grpcAddress, "--agent", adminAddress);
  expect(run.of("agent-not-ready")).toContain("nothing is known of default/orders");
  expect(run.of("agent-control-plane-lost")).toContain("weir check --server 127.0.0.1:1");
});

test("an agent that serves from its file", async () => {
  const server = await aServer();
  const api = anApi(server.grpcAddress);
  await api.put({ id: "a" });
  const stateDir = scratchFolder();
  const fileText = "subscribe: [orders]";
  const first = await anAgent(server.grpcAddress, { fileText, stateDir });
  await waitUntil("orders to be known", WITHIN_MS, async () => {
    const run = await fetch(`http://${first.adminAddress}/ready`);
    return run.status === 200;
  });
  await first.stop();
  await server.stop();
  const second = await anAgent(server.grpcAddress, { fileText, stateDir });
  const run = await weirCheck("--server", server.grpcAddress, "--agent", second.adminAddress);
  expect(run.of("agent-serves-saved")).toContain("default/orders");
  expect(run.ids).not.toContain("agent-not-ready");
});

test("an agent whose instance another one took", async () => {
  const { grpcAddress } = await aServer();
  const fileText = "instances: [{ service: orders, id: o-1, port: 9, probe: { none: true } }]";
  const older = await anAgent(grpcAddress, { fileText });
  const state = async (): Promise<string> =>
    await (await fetch(`http://${older.adminAddress}/instances`)).text();
  await waitUntil("the older to be there", WITHIN_MS, async () =>
    (await state()).includes('"registered"'),
  );
  await anAgent(grpcAddress, { fileText });
  await waitUntil("the older to be told", WITHIN_MS, async () =>
    (await state()).includes('"superseded"'),
  );
  const run = await weirCheck("--server", grpcAddress, "--agent", older.adminAddress);
  expect(run.of("agent-instance-not-registered")).toContain("superseded");
});

test("an agent whose instance does not answer its probe", async () => {
  const { grpcAddress } = await aServer();
  const port = await freePort();
  const probe = "{ tcp: true, interval: 50ms }";
  const { adminAddress } = await anAgent(grpcAddress, {
    fileText: `instances: [{ service: orders, id: o-1, port: ${port}, probe: ${probe} }]`,
  });
  await waitUntil("the instance to be registered", WITHIN_MS, async () => {
    const page = await fetch(`http://${adminAddress}/instances`);
    return (await page.text()).includes('"registered"');
  });
  const run = await weirCheck("--server", grpcAddress, "--agent", adminAddress);
  expect(run.of("agent-instance-unhealthy")).toMatch(/default\/orders.* probe fails/);
  expect(run.of("service-without-endpoints")).toContain("o-1");
});

test("an agent that asks for a token", async () => {
  const { grpcAddress } = await aServer();
  const token = join(scratchFolder(), "token");
  writeFileSync(token, "a-token-that-is-long-enough-0123456789\n", { mode: 0o600 });
  const { adminAddress } = await anAgent(grpcAddress, { fileText: `tokenFile: ${token}` });
  const run = await weirCheck("--server", grpcAddress, "--agent", adminAddress);
  expect(run.of("agent-asks-token")).toContain(`http://${adminAddress}/endpoints`);
  expect(run.ids).not.toContain("agent-unreachable");
});

test("an agent that was named and is not there", async () => {
  const { grpcAddress } = await aServer();
  const agent = `127.0.0.1:${await freePort()}`;
  const run = await weirCheck("--server", grpcAddress, "--agent", agent);
  expect(run.exit).toBe(1);
  expect(run.of("agent-unreachable")).toContain(`weir agent --admin ${agent}`);
});
