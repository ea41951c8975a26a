import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { nkeys } from "nats";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { serverConfigFrom } from "../../src/apps/control-plane/config.ts";
import { type RunningServer, runServer } from "../../src/apps/control-plane/main.ts";
import { connectApi } from "../../src/io/grpc/api-client.ts";
import { TestCa } from "../support/certificates.ts";
import { freePort } from "../support/free-port.ts";
import { natsCredentials } from "../support/nats-credentials.ts";
import { findNatsServer, NatsServerProcess } from "../support/nats-server.ts";
import { scratchFolder } from "../support/scratch-folder.ts";
import { fencesIn } from "../support/text-fences.ts";
import { waitUntil } from "../support/wait-until.ts";

/** docs/operating.md: every configuration of NATS that it shows, with replicas that it lets in. */

/** Only ends a wait for what never comes. */
const LIMIT_MS = 25_000;

const DOC = "docs/operating.md";

beforeEach(() => {
  vi.stubEnv("WEIR_LOG_LEVEL", "silent");
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
});

function documented(kind: string, name: string): string {
  const text = fencesIn(DOC, kind).get(name);
  if (text === undefined) throw new Error(`${DOC} has no <!-- ${kind}: ${name} -->`);
  return text;
}

/** The file that the documented configurations include, in a folder of the test. */
function withPermissions(text: string): string {
  const folder = scratchFolder();
  const path = join(folder, "weir-permissions.conf");
  writeFileSync(path, documented("nats", "permissions"));
  // NATS includes relative to the file that says so, which a test writes elsewhere.
  return text.replaceAll('include "weir-permissions.conf"', documented("nats", "permissions"));
}

async function natsWith(config: string): Promise<NatsServerProcess> {
  const server = await NatsServerProcess.start({ config, hasJetStream: true });
  onTestFinished(() => server.stop());
  return server;
}

/** The documented command line as settings, with files of the test. */
function flagsOf(name: string, files: Readonly<Record<string, string>>): Record<string, string> {
  const words = documented("flags", name).replaceAll("\\\n", " ").trim().split(/\s+/).slice(2);
  const flags: Record<string, string> = {};
  for (let at = 0; at < words.length; at += 2) {
    const flag = (words[at] ?? "").replace(/^--/, "");
    const setting = flag.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    const value = words[at + 1] ?? "";
    flags[setting] = files[value] ?? value;
  }
  return flags;
}

async function aReplica(
  replicaId: string,
  flags: Readonly<Record<string, string>>,
): Promise<RunningServer> {
  const all = {
    ...flags,
    ...{ listen: "127.0.0.1:0", admin: "127.0.0.1:0", replicaId, settleAfter: "0s" },
  };
  const server = await runServer(serverConfigFrom({ flags: all, env: {} }).settings, "test");
  onTestFinished(() => server.stop());
  return server;
}

/** Two replicas meet, and a policy of one is in force at the other, without a word that NATS forbids. */
async function replicasWork(flags: Readonly<Record<string, string>>): Promise<void> {
  const servers = [await aReplica("one", flags), await aReplica("two", flags)];
  const [one, two] = servers.map(({ grpcAddress }) => connectApi(grpcAddress));
  if (one === undefined || two === undefined) throw new Error("two replicas");
  onTestFinished(() => {
    one.close();
    two.close();
  });
  await waitUntil("both see two members in sync", LIMIT_MS, async () => {
    const views = await Promise.all([one.listMembers(), two.listMembers()]);
    return views.every(({ members, isSynced }) => members.length === 2 && isSynced);
  });
  const policy = { namespace: "default", service: "orders", balancing: "peak_ewma" };
  const change = { etag: "", isValidateOnly: false, requestId: "once" };
  await waitUntil("a policy is stored", LIMIT_MS, async () => {
    return await one.policies.apply(policy, change);
  });
  await waitUntil("the other replica was told", LIMIT_MS, async () => {
    return (await two.policies.list("")).length === 1;
  });
  await waitUntil("one of them leads", LIMIT_MS, async () => {
    return (await one.listMembers()).leader !== "";
  });
  for (const api of [one, two]) {
    const { bus } = await api.listMembers();
    expect(bus).toMatchObject({ isConnected: true, denied: [], lastProblem: "" });
  }
}

function fileOf(content: string): string {
  const path = join(scratchFolder(), "secret");
  writeFileSync(path, content);
  return path;
}

describe.skipIf(findNatsServer() === undefined)("the configurations of docs/operating.md", () => {
  test("user and password, with just the permissions that are shown", async () => {
    const nats = await natsWith(withPermissions(documented("nats", "password")));
    const files = {
      "nats://10.0.0.1:4222": nats.url,
      "/etc/weir/nats-password": fileOf("change-me\n"),
    };
    await replicasWork(flagsOf("password", files));
  });

  test("an nkey", async () => {
    const key = nkeys.createUser();
    const shown = withPermissions(documented("nats", "nkey"));
    const nats = await natsWith(shown.replace(/nkey: "U\w+"/, `nkey: "${key.getPublicKey()}"`));
    const files = {
      "nats://10.0.0.1:4222": nats.url,
      "/etc/weir/nats.nkey": fileOf(Buffer.from(key.getSeed()).toString()),
    };
    await replicasWork(flagsOf("nkey", files));
  });

  test("creds of an operator, with a subject for each permission", async () => {
    const subjects = [...documented("nats", "permissions").matchAll(/"([^"]+)"/g)];
    const publish = subjects.map(([, subject = ""]) => subject);
    const { config, creds } = natsCredentials({ publish, subscribe: ["weir.prod.>"] });
    const nats = await natsWith(config);
    const files = { "nats://10.0.0.1:4222": nats.url, "/etc/weir/nats.creds": fileOf(creds) };
    await replicasWork(flagsOf("creds", files));
  });

  test("TLS with certificates of both sides", async () => {
    const ca = new TestCa(scratchFolder());
    const server = ca.issue({ names: "IP:127.0.0.1" });
    const client = ca.issue({ commonName: "replica" });
    const shown = withPermissions(documented("nats", "tls"))
      .replace("/etc/nats/server.crt", server.cert)
      .replace("/etc/nats/server.key", server.key)
      .replace("/etc/nats/ca.crt", ca.path);
    const nats = await natsWith(shown);
    const files = {
      "tls://10.0.0.1:4222": nats.url.replace("nats://", "tls://"),
      "/etc/weir/nats-password": fileOf("change-me"),
      "/etc/weir/nats-ca.crt": ca.path,
      "/etc/weir/nats.crt": client.cert,
      "/etc/weir/nats.key": client.key,
    };
    await replicasWork(flagsOf("tls", files));
  });

  test("without one of the permissions the missing subject is named", async () => {
    const shown = withPermissions(documented("nats", "password"));
    const missing = shown.replace('subscribe: { allow: ["weir.prod.>"] }', "");
    expect(missing).not.toBe(shown);
    const nats = await natsWith(missing.replace('"weir.prod.>"', ""));
    const files = {
      "nats://10.0.0.1:4222": nats.url,
      "/etc/weir/nats-password": fileOf("change-me"),
    };
    const { grpcAddress } = await aReplica("one", flagsOf("password", files));
    const api = connectApi(grpcAddress);
    onTestFinished(() => api.close());
    const denied = await waitUntil("it is told", LIMIT_MS, async () => {
      const { bus } = await api.listMembers();
      return bus?.denied.find(({ subject }) => subject.startsWith("weir.prod."));
    });
    expect(denied.fix).toContain('allow: ["weir.prod.>"]');
  });

  test("three servers that are configured as shown keep policies three times", async () => {
    const ports = await Promise.all(Array.from({ length: 6 }, () => freePort()));
    const routes = ports.slice(3);
    const servers = await Promise.all(
      routes.map(async (route, index) => {
        const server = new ClusteredNats(index, ports, route);
        return await server.start();
      }),
    );
    const urls = servers.map(({ url }) => url).join(",");
    await replicasWork({
      cluster: "prod",
      nats: urls,
      natsUser: "weir",
      natsPasswordFile: fileOf("change-me"),
    });
  });
});

/** The documented server, on addresses of this machine. */
class ClusteredNats {
  readonly #config: string;
  readonly #port: number;

  constructor(index: number, ports: readonly number[], route: number) {
    this.#port = ports[index] ?? 0;
    const all = ports.slice(3).map((port) => `"nats://127.0.0.1:${port}"`);
    const users = withPermissions(documented("nats", "password"));
    this.#config = documented("nats", "server")
      .replace('include "weir-users.conf"', users)
      .replace('"nats-1"', `"nats-${index + 1}"`)
      .replace(/^listen: .*$/m, "")
      .replace(/^http: .*$/m, "")
      .replace("/var/lib/nats", scratchFolder())
      .replace("0.0.0.0:6222", `127.0.0.1:${route}`)
      .replace(/routes: \[.*\]/, `routes: [${all.join(", ")}]`);
  }

  async start(): Promise<NatsServerProcess> {
    const server = await NatsServerProcess.start({ config: this.#config, port: this.#port }).catch(
      // Servers before 2.10 do not know it, and say so.
      () => {
        const config = this.#config.replace(/^ *sync_interval: .*$/m, "");
        return NatsServerProcess.start({ config, port: this.#port });
      },
    );
    onTestFinished(() => server.stop());
    return server;
  }
}
