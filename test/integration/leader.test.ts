import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { serverConfigFrom } from "../../src/apps/control-plane/config.ts";
import { type RunningServer, runServer } from "../../src/apps/control-plane/main.ts";
import { connectApi } from "../../src/io/grpc/api-client.ts";
import { natsLeaseCell } from "../../src/io/nats/lease-cell.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import type { ControlPlaneApi } from "../../src/ports/control-plane-api.ts";
import type { LeaseCell } from "../../src/ports/leadership.ts";
import { natsServer } from "../support/nats-bus.ts";
import { findNatsServer, type NatsServerProcess } from "../support/nats-server.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Only ends a wait for what never comes. */
const LIMIT_MS = 30_000;

/** Just what a replica needs of the bucket of its leader, beside all of the others. */
const PERMISSIONS = `authorization { users: [ { user: weir, password: secret, permissions: {
  subscribe: { allow: ["weir.test.>"] }
  publish: { allow: [
    "weir.test.>", "$KV.weir-test-policies.>", "$JS.FC.>", "$JS.API.INFO"
    "$JS.API.STREAM.CREATE.KV_weir-test-policies", "$JS.API.STREAM.INFO.KV_weir-test-policies"
    "$JS.API.STREAM.MSG.GET.KV_weir-test-policies", "$JS.API.CONSUMER.>"
    "$KV.weir-test-leader.>"
    "$JS.API.STREAM.CREATE.KV_weir-test-leader"
    "$JS.API.STREAM.INFO.KV_weir-test-leader"
    "$JS.API.STREAM.MSG.GET.KV_weir-test-leader"
  ] }
} } ] }`;

beforeEach(() => {
  vi.stubEnv("WEIR_LOG_LEVEL", "silent");
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
});

/** With a user of few rights in its URL. */
async function strictNats(): Promise<string> {
  const { port } = await natsServer({ hasJetStream: true, config: PERMISSIONS });
  return `nats://weir:secret@127.0.0.1:${port}`;
}

interface Replica {
  readonly server: RunningServer;
  readonly api: ControlPlaneApi;
  /** Who leads, as it sees it. */
  leader(): Promise<string>;
}

async function aReplica(replicaId: string, nats: string): Promise<Replica> {
  const around = { listen: "127.0.0.1:0", admin: "127.0.0.1:0", settleAfter: "0s" };
  const flags = { ...around, replicaId, nats, cluster: "test" };
  const server = await runServer(serverConfigFrom({ flags, env: {} }).settings, "test");
  onTestFinished(() => server.stop());
  const api = connectApi(server.grpcAddress);
  onTestFinished(() => api.close());
  return { server, api, leader: async () => (await api.listMembers()).leader };
}

async function isLeaderByFigures({ server }: Replica): Promise<boolean> {
  const response = await fetch(`http://${server.adminAddress}/metrics`);
  return (await response.text()).includes("weir_cluster_leader 1\n");
}

/** What the cell holds, seen by somebody who wants nothing of it. */
function cellOf(nats: string): LeaseCell {
  const cell = natsLeaseCell({
    servers: [nats],
    name: "test",
    inboxPrefix: "weir.test.inbox",
    clock: systemClock,
    random: Math.random,
    bucket: "weir-test-leader",
    job: "policies",
    replicas: 1,
  });
  onTestFinished(() => cell.close());
  return cell;
}

describe.skipIf(findNatsServer() === undefined)("the replicas of a cluster", () => {
  test("agree who leads; whoever stops gives it up", async () => {
    const nats = await strictNats();
    const one = await aReplica("one", nats);
    const two = await aReplica("two", nats);
    const first = await waitUntil("both name one leader", LIMIT_MS, async () => {
      const [a, b] = [await one.leader(), await two.leader()];
      return a !== "" && a === b ? a : undefined;
    });
    const [led, other] = first === "one" ? [one, two] : [two, one];
    expect(await isLeaderByFigures(led)).toBe(true);
    expect(await isLeaderByFigures(other)).toBe(false);
    const cell = cellOf(nats);
    const held = await waitUntil("the cell is read", LIMIT_MS, () =>
      cell.read().catch(() => undefined),
    );
    expect(held.value).toBe(first);
    await led.server.stop();
    expect((await cell.read())?.value).not.toBe(first);
    const second = first === "one" ? "two" : "one";
    await waitUntil("the other one leads", LIMIT_MS, async () => (await other.leader()) === second);
    expect(await isLeaderByFigures(other)).toBe(true);
  }, 90_000);

  test("go on without one while JetStream is off", async () => {
    const { url }: NatsServerProcess = await natsServer();
    const one = await aReplica("one", url);
    const two = await aReplica("two", url);
    await waitUntil("they see each other", LIMIT_MS, async () => {
      const { members, isSynced } = await one.api.listMembers();
      return members.length === 2 && isSynced;
    });
    expect([await one.leader(), await two.leader()]).toEqual(["", ""]);
    await two.server.stop();
  }, 60_000);
});
