import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { serverConfigFrom } from "../../src/apps/control-plane/config.ts";
import { runServer } from "../../src/apps/control-plane/main.ts";
import { EndpointSet } from "../../src/core/discovery/endpoint-set.ts";
import type { ServiceUpdate, Update } from "../../src/core/discovery/update.ts";
import { NO_LOCALITY, NO_METADATA } from "../../src/core/model/instance.ts";
import type { InstanceId, RegistrationId } from "../../src/core/model/names.ts";
import { CONNECT_WATCHDOG_MS } from "../../src/data-plane/connection-loop.ts";
import { EndpointWatch } from "../../src/data-plane/endpoint-watch.ts";
import { ReplicaList } from "../../src/data-plane/replica-list.ts";
import { connectApi } from "../../src/io/grpc/api-client.ts";
import { grpcAttachSource } from "../../src/io/grpc/attach-client.ts";
import { grpcWatchSource } from "../../src/io/grpc/watch-client.ts";
import type { RegistrationResult } from "../../src/ports/attach-source.ts";
import type { StreamEnd } from "../../src/ports/stream-end.ts";
import type { WatchStream } from "../../src/ports/watch-source.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { at, FakeLog } from "../support/fake-streams.ts";
import { waitUntil } from "../support/wait-until.ts";
import { WATCHES_NOTHING } from "../support/watches-nothing.ts";

const WITHIN_MS = 10_000;

beforeEach(() => {
  vi.stubEnv("WEIR_LOG_LEVEL", "silent");
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
});

async function aServer() {
  const flags = { listen: "127.0.0.1:0", admin: "127.0.0.1:0", settleAfter: "0s" };
  const server = await runServer(serverConfigFrom({ flags, env: {} }).settings, "test");
  onTestFinished(() => server.stop());
  return server;
}

/** Hears everything and keeps it. */
function watched(address: string, agentId = "agent-1") {
  const updates: Update[] = [];
  const ends: StreamEnd[] = [];
  let epoch: number | undefined;
  const hello = { agentId, isDataPlane: true, locality: NO_LOCALITY, softwareVersion: "1" };
  const stream: WatchStream = grpcWatchSource().open(at(address), hello, {
    welcome: (welcome) => {
      epoch = welcome.epoch;
    },
    update: (update) => {
      updates.push(update);
      const { type, namespace, service, version } = update;
      const chunk = type === "endpoints" ? update.chunk : 0;
      const nonce = { type, namespace, service, version, chunk };
      stream.acknowledge([{ nonce, rejected: [], digestMismatch: false, held: false }]);
    },
    heartbeat: () => undefined,
    drain: () => undefined,
    end: (end) => ends.push(end),
  });
  onTestFinished(() => stream.close());
  return { stream, updates, ends, epoch: () => epoch };
}

function attached(address: string) {
  const results: RegistrationResult[] = [];
  let isWelcome = false;
  const session = grpcAttachSource().open(
    at(address),
    { clientId: "c", softwareVersion: "1" },
    {
      welcome: () => {
        isWelcome = true;
      },
      registered: (_requestId, answers) => results.push(...answers),
      deregistered: () => undefined,
      beat: () => undefined,
      notice: () => undefined,
      drain: () => undefined,
      end: () => undefined,
    },
  );
  onTestFinished(() => session.close());
  return { session, results, isWelcome: () => isWelcome };
}

function registration(i: number, port = 8_080) {
  return {
    instance: {
      namespace: "default",
      service: "orders",
      id: `orders-${i}` as InstanceId,
      address: { kind: "ip" as const, value: "127.0.0.1" },
      ports: [{ name: "http", port, protocol: "http1" as const }],
      weight: 100,
      priority: 0,
      locality: NO_LOCALITY,
      metadata: NO_METADATA,
      health: "healthy" as const,
      registrationId: `process-${i}` as RegistrationId,
      generation: 1,
      leaseMs: 15_000,
    },
    defaults: { protocol: "http1" as const, policy: "peak_ewma" },
    leaseToken: new Uint8Array(),
  };
}

test("5,000 instances travel in chunks, each batch has its results, and the digest fits", async () => {
  const { grpcAddress } = await aServer();
  const { session, results, isWelcome } = attached(grpcAddress);
  await waitUntil("the welcome", WITHIN_MS, isWelcome);
  for (let batch = 0; batch < 5; batch++) {
    session.register(
      batch,
      Array.from({ length: 1_000 }, (_, i) => registration(batch * 1_000 + i)),
    );
  }
  await waitUntil("the results", WITHIN_MS, () => results.length === 5_000);
  expect(results.every(({ kind }) => kind === "accepted")).toBe(true);
  const { stream, updates, epoch } = watched(grpcAddress);
  stream.subscribe(false, [{ namespace: "default", service: "orders", resume: undefined }]);
  await waitUntil("the last chunk", WITHIN_MS, () =>
    updates.some((update) => update.type === "endpoints" && update.isLastChunk),
  );
  const set = new EndpointSet();
  const applied = updates.flatMap((update) =>
    update.type === "endpoints" ? [set.apply(update, epoch() ?? 0)] : [],
  );
  expect(applied.length).toBeGreaterThan(1);
  expect(applied.at(-1)).toMatchObject({ outcome: "applied", digestMismatch: false });
  expect(set.endpoints()).toHaveLength(5_000);
  const [record] = updates.filter((update): update is ServiceUpdate => update.type === "service");
  expect(record?.defaults).toEqual({ protocol: "http1", policy: "peak_ewma" });
});

test("a refused instance of a batch says why, and the others are registered", async () => {
  const { grpcAddress } = await aServer();
  const { session, results, isWelcome } = attached(grpcAddress);
  await waitUntil("the welcome", WITHIN_MS, isWelcome);
  session.register(1, [registration(1), registration(2, 99_999)]);
  await waitUntil("the results", WITHIN_MS, () => results.length === 2);
  const [accepted, refused] = results;
  expect(accepted).toMatchObject({ kind: "accepted", registrationId: "process-1", generation: 1 });
  expect(refused).toMatchObject({ kind: "refused", code: 3, reason: "INVALID_ARGUMENT" });
});

test("a stream that the server refuses ends once, with the server's reason", async () => {
  const { grpcAddress } = await aServer();
  const { ends } = watched(grpcAddress, "not an id!");
  await waitUntil("the end", WITHIN_MS, () => ends.length > 0);
  expect(ends).toMatchObject([{ code: 3, reason: "INVALID_ARGUMENT" }]);
});

test("an address where nobody listens is an end with status 14", async () => {
  const { ends } = watched("127.0.0.1:1");
  await waitUntil("the end", WITHIN_MS, () => ends.length > 0);
  expect(ends.map(({ code }) => code)).toEqual([14]);
});

test("a goodbye ends the stream in order", async () => {
  const { grpcAddress } = await aServer();
  const { stream, ends, epoch } = watched(grpcAddress);
  await waitUntil("the welcome", WITHIN_MS, () => epoch() !== undefined);
  stream.goodbye();
  await waitUntil("the end", WITHIN_MS, () => ends.length > 0);
  expect(ends.map(({ code }) => code)).toEqual([0]);
});

test("a frozen server is left after 5 s for one that answers, and its connection is closed", async () => {
  const { grpcAddress } = await aServer();
  const sockets: Socket[] = [];
  const frozen = createServer((socket) => {
    socket.on("error", () => undefined);
    // Without reading, the end of the connection would go unnoticed here.
    socket.resume();
    sockets.push(socket);
  });
  await new Promise<void>((resolve) => frozen.listen(0, "127.0.0.1", () => resolve()));
  onTestFinished(() => {
    frozen.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = frozen.address() as AddressInfo;
  const clock = new FakeClock();
  // The first two numbers order the addresses: the frozen one comes first.
  const numbers = [0, 1];
  const random = () => numbers.shift() ?? 0;
  const watch = new EndpointWatch({
    source: grpcWatchSource(),
    replicas: new ReplicaList([`127.0.0.1:${port}`, grpcAddress], random),
    hello: { agentId: "a", isDataPlane: true, locality: NO_LOCALITY, softwareVersion: "1" },
    services: WATCHES_NOTHING,
    clock,
    random,
    log: new FakeLog(),
  });
  watch.start();
  await waitUntil("the connection", WITHIN_MS, () => sockets.length === 1);
  expect(watch.state.isConnected).toBe(false);
  clock.advance(CONNECT_WATCHDOG_MS);
  clock.advance(1);
  await waitUntil("the other server's welcome", WITHIN_MS, () => watch.state.isConnected);
  expect(watch.state.address).toBe(grpcAddress);
  await waitUntil("the frozen connection's end", WITHIN_MS, () =>
    sockets.every((socket) => socket.readableEnded || socket.destroyed),
  );
  await watch.stop();
});

test("a stream that its agent cuts is missed, and one that says goodbye is not", async () => {
  const { grpcAddress } = await aServer();
  const api = connectApi(grpcAddress);
  onTestFinished(() => api.close());
  const cut = watched(grpcAddress, "cut");
  const polite = watched(grpcAddress, "polite");
  const orders = { namespace: "default", service: "orders", resume: undefined };
  for (const { stream } of [cut, polite]) stream.subscribe(false, [orders]);
  const agents = async () => (await api.listAgents()).map(({ id, state }) => `${id} ${state}`);
  await waitUntil("both", WITHIN_MS, async () => {
    return (await agents()).join() === "cut synced,polite synced";
  });
  cut.stream.close();
  polite.stream.goodbye();
  await waitUntil(
    "both to be gone",
    WITHIN_MS,
    async () => !(await agents()).join().includes("synced"),
  );
  expect(await agents()).toEqual(["cut disconnected"]);
});
