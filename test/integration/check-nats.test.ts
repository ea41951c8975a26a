import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { serverConfigFrom } from "../../src/apps/control-plane/config.ts";
import { type RunningServer, runServer } from "../../src/apps/control-plane/main.ts";
import { freePort } from "../support/free-port.ts";
import { natsServer } from "../support/nats-bus.ts";
import { findNatsServer } from "../support/nats-server.ts";
import { scratchFolder } from "../support/scratch-folder.ts";
import { waitUntil } from "../support/wait-until.ts";
import { type CheckRun, weirCheck } from "../support/weir-check.ts";
import { WeirProcess } from "../support/weir-process.ts";

/** Only ends a wait for what never comes. */
const LIMIT_MS = 30_000;

/** What is found at most where a server has just started alone, when NATS is well. */
const LONE = [
  ...["cluster-alone", "advertise-missing", "nothing-registered", "no-agents"],
  "server-unsettled",
];

beforeEach(() => {
  vi.stubEnv("WEIR_LOG_LEVEL", "silent");
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
});

async function aReplica(replicaId: string, nats: string, more: Record<string, string> = {}) {
  const flags = {
    ...{ replicaId, nats, listen: "127.0.0.1:0", admin: "127.0.0.1:0", settleAfter: "0s" },
    stateDir: scratchFolder(),
    ...more,
  };
  const server = await runServer(serverConfigFrom({ flags, env: {} }).settings, "0.1.0");
  onTestFinished(() => server.stop());
  return server;
}

/** Looks again until it finds something. @param id what, or one of several with `|` between */
async function checkUntil(
  { grpcAddress }: RunningServer,
  id: string,
  ...more: readonly string[]
): Promise<CheckRun> {
  const wanted = id.split("|");
  const look = async (): Promise<CheckRun | undefined> => {
    const run = await weirCheck("--server", grpcAddress, ...more);
    return run.ids.some((found) => wanted.includes(found)) ? run : undefined;
  };
  const found = await waitUntil(`weir check says ${id}`, LIMIT_MS, look);
  if (found === undefined) throw new Error("it was found");
  return found;
}

async function page({ adminAddress }: RunningServer, path: string): Promise<string> {
  return (await fetch(`http://${adminAddress}${path}`)).text();
}

describe.skipIf(findNatsServer() === undefined)("weir check on a cluster", () => {
  test("NATS that is not there", async () => {
    const server = await aReplica("one", `nats://127.0.0.1:${await freePort()}`);
    const run = await checkUntil(server, "nats-unreachable");
    expect(run.of("nats-unreachable")).toMatch(/nobody listens there.* \| nc -vz/);
    expect(run.ids).not.toContain("server-degraded");
    expect(run.ids).not.toContain("policies-read-only");
    expect(run.exit).toBe(1);
  });

  test("NATS that does not know us", async () => {
    const nats = await natsServer({ config: "authorization { user: a, password: b }" });
    const run = await checkUntil(await aReplica("one", nats.url), "nats-auth");
    expect(run.of("nats-auth")).toMatch(/--nats-creds FILE/);
  });

  test("NATS that forbids our subjects, takes small messages only and says how it writes", async () => {
    const monitor = `127.0.0.1:${await freePort()}`;
    const nats = await natsServer({
      hasJetStream: true,
      config: [
        `http: "${monitor}"`,
        'authorization { users: [{ user: a, password: b, permissions: { publish: ["weir.other.>"], subscribe: ["weir.other.>"] } }] }',
        "max_payload: 32KB",
      ].join("\n"),
    });
    const server = await aReplica("one", nats.url.replace("//", "//a:b@"));
    const run = await checkUntil(server, "nats-permission", "--nats-monitor", monitor);
    expect(run.of("nats-permission")).toMatch(/may not subscribe .*allow: \["weir\.weir\.>"\]/);
    expect(run.of("nats-max-payload")).toMatch(/32768 bytes/);
    expect(run.of("policies-forbidden")).toMatch(/\$JS\.API/);
    expect(run.of("nats-sync-interval")).toMatch(/sync_interval: always/);
  });

  test("JetStream that is off", async () => {
    const nats = await natsServer();
    const run = await checkUntil(await aReplica("one", nats.url), "jetstream-off");
    expect(run.of("jetstream-off")).toMatch(/jetstream \{ store_dir/);
    expect(run.ids.filter((id) => !LONE.includes(id))).toEqual(["jetstream-off"]);
  });

  test("two replicas that are well, and one of them killed", async () => {
    const nats = await natsServer({ hasJetStream: true });
    const [here, there] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
    const one = await aReplica("one", nats.url, { listen: here, advertise: here });
    const two = new WeirProcess([
      ...["server", "--replica-id", "two", "--nats", nats.url, "--listen", there],
      ...["--admin", "127.0.0.1:0", "--advertise", there, "--settle-after", "0s"],
    ]);
    onTestFinished(async () => {
      await two.end("SIGKILL");
    });
    await waitUntil("both are in step", LIMIT_MS, async () => {
      const metrics = await page(one, "/metrics");
      return /cluster_peer_agrees\{peer="two"\} 1/.test(metrics);
    });
    await waitUntil("it is ready", LIMIT_MS, async () =>
      /\[\+\]synced ok\n.*\n\[\+\]bus ok\n/.test(await page(one, "/readyz?verbose")),
    );
    const well = await weirCheck("--server", here);
    expect(well.ids).toEqual(["nothing-registered"]);
    const members = new WeirProcess(["members", "--server", here, "-o", "json"]);
    expect(await members.exited).toBe(0);
    expect(JSON.parse(members.stdout)).toMatchObject({
      members: [
        { id: "one", isSelf: true },
        { id: "two", state: "ALIVE", address: there, digest: "agrees" },
      ],
      bus: { isConnected: true, server: nats.url },
    });
    await two.end("SIGKILL");
    const run = await checkUntil(one, "member-suspect|member-dead");
    expect(run.of("member-suspect") + run.of("member-dead")).toMatch(/^replica two .*last heard/);
  }, 120_000);
});
