import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { serviceKey } from "../../src/core/model/names.ts";
import type { PolicyRevision } from "../../src/core/policies/service-policy.ts";
import type { PolicyKv } from "../../src/io/nats/policy-kv.ts";
import { natsServer } from "../support/nats-bus.ts";
import { natsCluster } from "../support/nats-cluster.ts";
import { findNatsServer, NatsServerProcess } from "../support/nats-server.ts";
import { policyKv, writableKv } from "../support/policy-stores.ts";
import { scratchFolder } from "../support/scratch-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Only ends a wait for what never comes. */
const LIMIT_MS = 20_000;

/** Servers that lost each other take their time to elect a leader. */
const ELECTION_LIMIT_MS = 60_000;

const orders = serviceKey("default", "orders");
const copy = (): string => join(scratchFolder(), "policies-last-good");
const balancing = (store: PolicyKv): string | undefined => store.get(orders)?.policy?.balancing;

let attempts = 0;
function write(store: PolicyKv, wanted: string, expected = ""): Promise<PolicyRevision> {
  const policy = { namespace: "default", service: "orders", balancing: wanted };
  const changeId = `attempt-${++attempts}`;
  return store.write({ key: orders, policy, expected, changedBy: "ann", changeId });
}

describe.skipIf(findNatsServer() === undefined)("policies in JetStream", () => {
  test("what one server stores, the others tell within moments; an etag is good at any of them", async () => {
    const server = await natsServer({ hasJetStream: true });
    const a = await writableKv({ server, path: copy() });
    const b = await writableKv({ server, path: copy() });
    const told: (string | undefined)[] = [];
    b.watch(() => told.push(balancing(b)));
    const { etag } = await write(a, "random");
    await waitUntil("b was told", LIMIT_MS, () => told.length > 0);
    expect(told).toEqual(["random"]);
    await write(b, "peak_ewma", etag);
    await expect(write(a, "round_robin", etag)).rejects.toMatchObject({ code: "ETAG_MISMATCH" });
  });

  test("without NATS a start serves the last good copy, and changes nothing", async () => {
    const server = await natsServer({ hasJetStream: true });
    const path = copy();
    const first = await writableKv({ server, path });
    await write(first, "random");
    await first.close();
    await server.kill();
    const second = policyKv({ server, path });
    expect(balancing(second)).toBe("random");
    await expect(write(second, "peak_ewma")).rejects.toMatchObject({ code: "STORAGE_FAILED" });
    expect(second.state.problem).toMatch(/cannot be changed now: /);
    await server.start();
    await waitUntil("policies can be written", LIMIT_MS, () => second.state.isWritable);
    await write(second, "peak_ewma");
    expect(second.state.problem).toBe("");
  });

  test("a stream that was made anew is not believed: nothing is rolled back, nothing is written", async () => {
    const server = await natsServer({ hasJetStream: true });
    const path = copy();
    const store = policyKv({ server, path }, { verifyIntervalMs: 50 });
    await waitUntil("policies can be written", LIMIT_MS, () => store.state.isWritable);
    await write(store, "random");
    const told: unknown[] = [];
    store.watch((key) => told.push(key));
    await server.stop();
    const wiped = await NatsServerProcess.start({ port: server.port, hasJetStream: true });
    onTestFinished(() => wiped.stop());
    const other = await writableKv({ server: wiped, path: copy() });
    await write(other, "peak_ewma");
    await waitUntil("the alarm", LIMIT_MS, () => /made anew/.test(store.state.problem));
    expect(balancing(store)).toBe("random");
    expect(told).toEqual([]);
    await expect(write(store, "round_robin")).rejects.toThrow(/not believed.*weir policy import/s);
    await store.close();
    const restarted = policyKv({ server: wiped, path });
    await waitUntil("the alarm again", LIMIT_MS, () => /made anew/.test(restarted.state.problem));
    expect(balancing(restarted)).toBe("random");
  });

  test("what stands in the way is named, and who keeps copies", async () => {
    const off = await natsServer();
    const on = await natsServer({ hasJetStream: true });
    const without = policyKv({ server: off, path: copy() });
    await waitUntil("it is off", LIMIT_MS, () => without.state.problemKind === "no-jetstream");
    expect(without.state.problem).toMatch(/JetStream is off: add `jetstream/);
    const many = policyKv({ server: on, path: copy() }, { replicas: 3, bucket: "many" });
    await waitUntil("one is no three", LIMIT_MS, () =>
      /--policy-copies 1/.test(many.state.problem),
    );
    const well = await writableKv({ server: on, path: copy() });
    expect(well.state).toMatchObject({
      problem: "",
      copies: { wanted: 1, current: 1, serverCount: 1 },
    });
  });

  test("of three servers one may go; without two of them nothing is written, and all is read", async () => {
    const servers = await natsCluster();
    const [one, two, three] = servers;
    if (one === undefined || two === undefined || three === undefined)
      throw new Error("no cluster");
    const urls = servers.map(({ url }) => url);
    const store = policyKv(
      { server: one, path: copy() },
      { replicas: 3, servers: urls, verifyIntervalMs: 500 },
    );
    await waitUntil("policies can be written", LIMIT_MS, () => store.state.isWritable);
    await write(store, "random");
    await two.kill();
    await waitUntil("a majority writes", LIMIT_MS, async () => {
      const stored = await write(store, "peak_ewma").catch(() => undefined);
      return stored !== undefined;
    });
    await three.kill();
    await waitUntil("it is said", LIMIT_MS, () => store.state.problemKind === "no-quorum");
    await expect(write(store, "round_robin")).rejects.toMatchObject({ code: "STORAGE_FAILED" });
    expect(balancing(store)).toBe("peak_ewma");
    await two.start();
    await waitUntil("a majority writes again", ELECTION_LIMIT_MS, async () => {
      const stored = await write(store, "round_robin").catch(() => undefined);
      return stored !== undefined;
    });
    expect(balancing(store)).toBe("round_robin");
  }, 120_000);
});
