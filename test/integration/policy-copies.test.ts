import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { serviceKey } from "../../src/core/model/names.ts";
import { lastGoodPolicyFile } from "../../src/io/file/last-good-policies.ts";
import type { PolicyKv } from "../../src/io/nats/policy-kv.ts";
import { natsCluster } from "../support/nats-cluster.ts";
import { findNatsServer, NatsServerProcess } from "../support/nats-server.ts";
import { policyKv } from "../support/policy-stores.ts";
import { scratchFolder } from "../support/scratch-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

/** A replica's copy of the policies that is damaged, and a stream that was restored from an old backup. */

/** Only ends a wait for what never comes. */
const LIMIT_MS = 20_000;

/** Servers that lost each other take their time to elect a leader. */
const ELECTION_LIMIT_MS = 60_000;

const orders = serviceKey("default", "orders");
const balancing = (store: PolicyKv): string | undefined => store.get(orders)?.policy?.balancing;

let attempts = 0;
async function write(store: PolicyKv, wanted: string): Promise<void> {
  await waitUntil("policies can be written", LIMIT_MS, () => store.state.isWritable);
  const policy = { namespace: "default", service: "orders", balancing: wanted };
  const changeId = `change-${++attempts}`;
  await store.write({ key: orders, policy, expected: "", changedBy: "ann", changeId });
}

/** With its streams in a folder that a test may copy. */
async function natsWithStreamsIn(folder: string, port?: number): Promise<NatsServerProcess> {
  const config = `jetstream { store_dir: "${folder}" }`;
  const server = await NatsServerProcess.start({ config, ...(port !== undefined && { port }) });
  onTestFinished(() => server.stop());
  return server;
}

describe.skipIf(findNatsServer() === undefined)("copies of policies", () => {
  test.each([
    { what: "cut short", damage: (path: string) => truncateSync(path, 100) },
    { what: "empty", damage: (path: string) => truncateSync(path, 0) },
    { what: "flipped in one bit", damage: flipOneBit },
  ])(
    "a last good copy that is $what is set aside and told, and NATS fills it again",
    async ({ damage }) => {
      const server = await natsWithStreamsIn(join(scratchFolder(), "streams"));
      const path = join(scratchFolder(), "policies-last-good");
      const first = policyKv({ server, path });
      await write(first, "random");
      await first.close();
      damage(path);
      await server.kill();
      const problems: string[] = [];
      const lastGood = lastGoodPolicyFile(path, (reason) => problems.push(reason));
      const second = policyKv({ server, path }, { lastGood });
      expect(problems).toEqual([
        expect.stringMatching(/cannot be used: .*set aside as .*last-good/),
      ]);
      // Nothing is known, which is said and not filled with half of what was there.
      expect(balancing(second)).toBeUndefined();
      await server.start();
      await waitUntil("NATS told", LIMIT_MS, () => balancing(second) === "random");
      await second.close();
      expect(lastGoodPolicyFile(path, () => undefined).load()?.revisions).toHaveLength(1);
    },
  );

  test("a stream that three made at once is the same one after every election and restart", async () => {
    const servers = await natsCluster();
    const urls = servers.map(({ url }) => url);
    const stores = servers.map((server) =>
      policyKv(
        { server, path: join(scratchFolder(), "policies-last-good") },
        { replicas: 3, servers: urls, verifyIntervalMs: 200 },
      ),
    );
    const [first] = stores;
    if (first === undefined) throw new Error("no store");
    await write(first, "random");
    for (const wanted of ["peak_ewma", "round_robin"]) {
      for (const server of servers) await server.kill();
      for (const server of servers) await server.start();
      await waitUntil("a majority writes again", ELECTION_LIMIT_MS, async () => {
        await write(first, wanted);
        return true;
      });
      await waitUntil("all were told", LIMIT_MS, () =>
        stores.every((store) => balancing(store) === wanted),
      );
      for (const store of stores) {
        await waitUntil("policies can be written", LIMIT_MS, () => store.state.isWritable);
      }
    }
  }, 120_000);

  test("a stream that is behind, as an old backup brings it, rolls nothing back and takes nothing", async () => {
    const folder = scratchFolder();
    const streams = join(folder, "streams");
    const path = join(folder, "policies-last-good");
    const server = await natsWithStreamsIn(streams);
    const store = policyKv({ server, path }, { verifyIntervalMs: 50 });
    await write(store, "random");
    await server.kill();
    cpSync(streams, join(folder, "backup"), { recursive: true });
    await server.start();
    await write(store, "peak_ewma");
    await server.kill();
    rmSync(streams, { recursive: true });
    cpSync(join(folder, "backup"), streams, { recursive: true });
    await server.start();
    await waitUntil("the alarm", LIMIT_MS, () =>
      /is at revision 1, behind 2/.test(store.state.problem),
    );
    expect(balancing(store)).toBe("peak_ewma");
    expect(store.state.isWritable).toBe(false);
    await store.close();
    const restarted = policyKv({ server, path });
    await waitUntil("the alarm again", LIMIT_MS, () => /behind 2/.test(restarted.state.problem));
    expect(balancing(restarted)).toBe("peak_ewma");
  });
});

function flipOneBit(path: string): void {
  const bytes = readFileSync(path);
  const last = bytes.length - 3;
  bytes[last] = (bytes[last] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}
