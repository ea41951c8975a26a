import { rmSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { serverConfigFrom } from "../../src/apps/control-plane/config.ts";
import { runServer } from "../../src/apps/control-plane/main.ts";
import { startControlPlane } from "../../src/apps/control-plane/start.ts";
import { allowAll } from "../../src/io/grpc/authorize.ts";
import { HealthRegistry } from "../../src/io/grpc/health.ts";
import { weirServices } from "../../src/io/grpc/weir-services.ts";
import { memoryPolicyStore } from "../../src/io/local-policy-store.ts";
import { noRegistryStore } from "../../src/io/no-registry-store.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import { updateEncoder } from "../../src/io/wire/update-encoder.ts";
import type { ServerHost } from "../../src/ports/server-host.ts";
import { quietLog } from "../support/control-plane.ts";
import { freePort } from "../support/free-port.ts";
import { serveForTest } from "../support/grpc-test-server.ts";
import { scratchFolder } from "../support/scratch-folder.ts";
import { weirCheck } from "../support/weir-check.ts";
import { WeirProcess } from "../support/weir-process.ts";

/** Faults of the control plane and the way to it, made for real. */

beforeEach(() => {
  vi.stubEnv("WEIR_LOG_LEVEL", "silent");
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
});

async function aServer(more: Record<string, string | boolean> = {}, version = "0.1.0") {
  const flags = { listen: "127.0.0.1:0", admin: "127.0.0.1:0", settleAfter: "0s", ...more };
  const server = await runServer(serverConfigFrom({ flags, env: {} }).settings, version);
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= server.stop();
    return stopped;
  };
  onTestFinished(stop);
  return { ...server, stop };
}

/** A TCP server of another kind. @returns its address. */
async function aStranger(answer: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    answer(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("a server that is stopped cannot be reached, and is waited for until it is back", async () => {
  const listen = `127.0.0.1:${await freePort()}`;
  const first = await aServer({ listen });
  await first.stop();
  const gone = await weirCheck("--server", listen);
  expect(gone.exit).toBe(1);
  expect(gone.of("control-plane-unreachable")).toContain(`weir server --listen ${listen}`);
  const waiting = new WeirProcess(["check", "--server", listen, "--wait", "20s", "-o", "json"]);
  await waiting.line(/waiting for .*control-plane-unreachable/);
  await aServer({ listen });
  await waiting.exited;
  const { findings } = JSON.parse(waiting.stdout) as { findings: { id: string }[] };
  expect(findings.map(({ id }) => id)).not.toContain("control-plane-unreachable");
});

test("a wait that is over ends with 7", async () => {
  const { exit, ids } = await weirCheck("--server", "127.0.0.1:1", "--wait", "1s");
  expect(exit).toBe(7);
  expect(ids).toContain("control-plane-unreachable");
});

test("a host name that does not exist", async () => {
  const run = await weirCheck("--server", "no-such-host.invalid:7400");

  expect(run.of("control-plane-unreachable")).toContain("getent hosts");
});

test("the admin port given for the gRPC port", async () => {
  const { adminAddress } = await aServer();
  const run = await weirCheck("--server", adminAddress);
  expect(run.exit).toBe(1);
  expect(run.of("control-plane-not-grpc")).toContain("is an admin port of Weir");
});

test("a server that says nothing hangs", async () => {
  const address = await aStranger(() => undefined);
  expect((await weirCheck("--server", address)).of("control-plane-hangs")).toContain("no answer");
});

test("something that speaks neither HTTP nor gRPC", async () => {
  const address = await aStranger((socket) => socket.write("220 mail.example ESMTP\r\n"));
  const run = await weirCheck("--server", address);
  expect(run.of("control-plane-not-grpc")).toContain("not HTTP");
});

test("a gRPC server of another kind", async () => {
  const address = await serveForTest([new HealthRegistry().service()]);
  const run = await weirCheck("--server", address);
  expect(run.ids).toContain("control-plane-not-weir");
});

test("an admin port that nobody answers on", async () => {
  const { grpcAddress } = await aServer();
  const admin = `127.0.0.1:${await freePort()}`;
  const run = await weirCheck("--server", grpcAddress, "--admin", admin);
  expect(run.of("admin-unreachable")).toContain(admin);
});

test("a server of another version, without a state directory, that has not settled", async () => {
  const { grpcAddress } = await aServer({ settleAfter: "1h" }, "9.8.7");
  const run = await weirCheck("--server", grpcAddress);
  expect(run.of("version-skew")).toContain("weir-mesh@9.8.7");
  expect(run.of("no-state-directory")).toContain("weir server --state-dir");
  expect(run.of("server-unsettled")).toContain(`weir check --wait 60s --server ${grpcAddress}`);
});

test("plaintext beyond loopback", async () => {
  const { grpcAddress } = await aServer({ listen: "0.0.0.0:0", insecure: true });
  const server = grpcAddress.replace("0.0.0.0", "127.0.0.1");
  expect((await weirCheck("--server", server)).of("plaintext-beyond-loopback")).toContain("grpc");
});

test("a state directory that is gone", async () => {
  const stateDir = join(scratchFolder(), "state");
  const { grpcAddress } = await aServer({ stateDir });
  const before = await weirCheck("--server", grpcAddress);
  expect(before.ids).not.toContain("state-directory-unusable");
  rmSync(stateDir, { recursive: true });
  const run = await weirCheck("--server", grpcAddress);
  expect(run.exit).toBe(1);
  expect(run.of("state-directory-unusable")).toContain(`mkdir -p ${stateDir}`);
});

test("a machine that runs out of everything, with a wrong clock", async () => {
  const host: ServerHost = {
    listeners: () => [],
    finishedCalls: () => [],
    certificateExpiresAtMs: () => undefined,
    stateDirectory: () => ({ path: "/state", freeBytes: 1e6, totalBytes: 1e11, problem: "" }),
    process: () => ({
      eventLoopLagMs: 700,
      heapUsedBytes: 9e8,
      heapLimitBytes: 1e9,
      openFiles: 900,
      openFilesLimit: 1_024,
    }),
  };
  const plane = startControlPlane({
    replicaId: "poor",
    softwareVersion: "0.1.0",
    clock: { ...systemClock, wallMs: () => systemClock.wallMs() + 60_000 },
    log: quietLog,
    store: {
      ...noRegistryStore,
      load: () => ({ ...noRegistryStore.load(), problems: ["a bad journal"] }),
    },
    policies: memoryPolicyStore(systemClock),
    encoder: updateEncoder,
    host,
    settleAfterMs: 0,
  });
  onTestFinished(() => plane.stop());
  const { replica: registry, watches, admin, policies } = plane;
  const health = new HealthRegistry();
  const address = await serveForTest(
    weirServices({ registry, watches, admin, policies, authorizer: allowAll, health }),
  );
  const run = await weirCheck("--server", address);
  expect(run.exit).toBe(1);
  expect(run.of("clock-offset")).toMatch(/1m ahead|59\.\ds ahead/);
  expect(run.of("disk-nearly-full")).toContain("1 MiB of");
  expect(run.of("open-files-low")).toContain("900 of at most 1024");
  expect(run.of("heap-near-limit")).toContain("--max-old-space-size");
  expect(run.of("event-loop-lag")).toContain("700ms");
  expect(run.of("server-degraded")).toContain("a bad journal");
});
