import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { LeaderLease } from "../../src/apps/control-plane/leader-lease.ts";
import { PolicyJanitor } from "../../src/apps/control-plane/policy-janitor.ts";
import { type ServiceKey, serviceKey } from "../../src/core/model/names.ts";
import { KEEP_HISTORY_MS } from "../../src/core/policies/over-policies.ts";
import type { PolicyRevision } from "../../src/core/policies/service-policy.ts";
import { natsLeaseCell } from "../../src/io/nats/lease-cell.ts";
import { dialNats } from "../../src/io/nats/nats-dial.ts";
import { parseServers } from "../../src/io/nats/nats-settings.ts";
import { PolicyBucket } from "../../src/io/nats/policy-bucket.ts";
import type { PolicyKv } from "../../src/io/nats/policy-kv.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { quietLog } from "../support/control-plane.ts";
import { INBOX_PREFIX, natsServer } from "../support/nats-bus.ts";
import { findNatsServer, type NatsServerProcess } from "../support/nats-server.ts";
import { writableKv } from "../support/policy-stores.ts";
import { scratchFolder } from "../support/scratch-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Only ends a wait for what never comes. */
const LIMIT_MS = 20_000;

const TTL_MS = 600;
const INTERVAL_MS = 50;

const orders = serviceKey("default", "orders");
const carts = serviceKey("default", "carts");
const copy = (): string => join(scratchFolder(), "policies-last-good");

/** A month later by the wall; stands still while its process is frozen. */
class ReplicaClock implements Clock {
  #frozenAtMs: number | undefined;
  #frozenMs = 0;
  #due: (() => void)[] = [];

  nowMs(): number {
    return (this.#frozenAtMs ?? systemClock.nowMs()) - this.#frozenMs;
  }

  wallMs(): number {
    return systemClock.wallMs() + KEEP_HISTORY_MS;
  }

  after(delayMs: number, task: () => void): () => void {
    return systemClock.after(delayMs, () => {
      if (this.#frozenAtMs === undefined) task();
      else this.#due.push(task);
    });
  }

  freeze(): void {
    this.#frozenAtMs = systemClock.nowMs();
  }

  /** As after SIGCONT: what is due runs before it knows how late it is, at worst. */
  wake(): void {
    const due = this.#due;
    this.#due = [];
    this.#frozenMs += systemClock.nowMs() - (this.#frozenAtMs ?? systemClock.nowMs());
    this.#frozenAtMs = undefined;
    for (const task of due) task();
  }
}

/** What of a replica has to do with clearing policies. */
class Replica {
  readonly clock = new ReplicaClock();
  readonly store: PolicyKv;
  readonly lease: LeaderLease;
  /** What its janitor decided, and did not write yet: it stands still there. */
  readonly held: { over: PolicyRevision; term: number; goOn: () => void }[] = [];
  isHeld = false;

  private constructor(replicaId: string, server: NatsServerProcess, store: PolicyKv) {
    this.store = store;
    const around = { clock: this.clock, log: quietLog };
    const cell = natsLeaseCell({
      servers: [server.url],
      name: "test",
      inboxPrefix: INBOX_PREFIX,
      clock: systemClock,
      random: Math.random,
      bucket: "weir-leader-test",
      job: "policies",
      replicas: 1,
    });
    this.lease = new LeaderLease({ ...around, replicaId, cell, ttlMs: TTL_MS });
    const janitor = new PolicyJanitor({
      ...around,
      leadership: this.lease,
      intervalMs: INTERVAL_MS,
      policies: {
        latest: () => store.clearing.latest(),
        clear: async (over, term) => {
          if (this.isHeld) {
            await new Promise<void>((goOn) => this.held.push({ over, term, goOn }));
          }
          return store.clearing.clear(over, term);
        },
      },
    });
    onTestFinished(async () => {
      janitor.stop();
      for (const { goOn } of this.held) goOn();
      await this.lease.close();
    });
  }

  static async start(replicaId: string, server: NatsServerProcess): Promise<Replica> {
    return new Replica(replicaId, server, await writableKv({ server, path: copy() }));
  }
}

let attempts = 0;
function write(store: PolicyKv, key: ServiceKey, balancing?: string): Promise<PolicyRevision> {
  const [namespace = "", service = ""] = key.split("/");
  const policy = balancing === undefined ? undefined : { namespace, service, balancing };
  const changeId = `attempt-${++attempts}`;
  return store.write({ key, policy, expected: "", changedBy: "ann", changeId });
}

async function removed(store: PolicyKv, key: ServiceKey): Promise<void> {
  await write(store, key, "random");
  await write(store, key);
}

const historyOf = async (store: PolicyKv, key: ServiceKey): Promise<(string | undefined)[]> =>
  (await store.history(key)).map(({ policy }) => policy?.balancing);

const isCleared = async (store: PolicyKv, key: ServiceKey): Promise<boolean> =>
  (await store.history(key)).length === 0;

/** The stream as a client sees it that is no replica. */
async function bucketAt(server: NatsServerProcess): Promise<PolicyBucket> {
  const options = {
    servers: [server.url],
    name: "test",
    inboxPrefix: INBOX_PREFIX,
    clock: systemClock,
    random: Math.random,
  };
  const [url] = parseServers(options);
  if (url === undefined) throw new Error("no server");
  const connection = await dialNats(url, options);
  onTestFinished(() => connection.close());
  return PolicyBucket.open(connection, { ...options, bucket: "weir-policies-test", replicas: 1 });
}

/** All that the stream keeps, oldest first. */
async function storedIn(bucket: PolicyBucket): Promise<PolicyRevision[]> {
  const { lastRevision } = await bucket.state();
  const all: PolicyRevision[] = [];
  let told = 0;
  const stop = await bucket.follow((revision, content) => {
    told = revision;
    if (content !== undefined) all.push(content);
  });
  await waitUntil("everything is told", LIMIT_MS, () => told >= lastRevision);
  stop();
  return all;
}

describe.skipIf(findNatsServer() === undefined)("policies that are over", () => {
  test("are cleared by the leader at all replicas, and what holds stays", async () => {
    const server = await natsServer({ hasJetStream: true });
    const store = await writableKv({ server, path: copy() });
    await removed(store, orders);
    await write(store, carts, "peak_ewma");
    const replicas = [await Replica.start("a", server), await Replica.start("b", server)];
    for (const one of [store, ...replicas.map((replica) => replica.store)]) {
      await waitUntil("it is cleared", LIMIT_MS, () => isCleared(one, orders));
      expect(await historyOf(one, carts)).toEqual(["peak_ewma"]);
      expect(one.state.problem).toBe("");
    }
    const newcomer = await writableKv({ server, path: copy() });
    expect(await historyOf(newcomer, orders)).toEqual([]);
    expect(await historyOf(newcomer, carts)).toEqual(["peak_ewma"]);
    const stored = await storedIn(await bucketAt(server));
    expect(stored.map(({ key, policy }) => `${key} ${policy?.balancing}`)).toEqual([
      "default/carts peak_ewma",
      "default/orders undefined",
    ]);
    expect(stored[1]?.clearedInTerm).toBeGreaterThan(0);
  });

  test("stay over for a replica that was away, and may be decided anew", async () => {
    const server = await natsServer({ hasJetStream: true });
    const path = copy();
    const away = await writableKv({ server, path });
    await write(away, orders, "random");
    await away.close();
    const replica = await Replica.start("a", server);
    await write(replica.store, orders);
    await waitUntil("it is cleared", LIMIT_MS, () => isCleared(replica.store, orders));
    const back = await writableKv({ server, path });
    expect(back.get(orders)).toBeUndefined();
    expect(await historyOf(back, orders)).toEqual([]);
    await write(back, orders, "peak_ewma");
    await waitUntil("it is told", LIMIT_MS, () => replica.store.get(orders) !== undefined);
    expect(await historyOf(replica.store, orders)).toEqual(["peak_ewma"]);
  });

  test("a leader that froze before its write does no harm when it wakes", async () => {
    const server = await natsServer({ hasJetStream: true });
    const a = await Replica.start("a", server);
    await waitUntil("a leads", LIMIT_MS, () => a.lease.term());
    a.isHeld = true;
    await removed(a.store, orders);
    const [stuck] = await waitUntil("a decided", LIMIT_MS, () =>
      a.held.length > 0 ? a.held : undefined,
    );
    if (stuck === undefined) throw new Error("nothing is held");
    a.clock.freeze();
    const b = await Replica.start("b", server);
    const later = await waitUntil("b leads", LIMIT_MS, () => b.lease.term());
    expect(later).toBeGreaterThan(stuck.term);
    await waitUntil("b cleared it", LIMIT_MS, () => isCleared(b.store, orders));
    await write(b.store, orders, "peak_ewma");
    a.isHeld = false;
    a.clock.wake();
    stuck.goOn();
    // On its way already when it froze: nothing at the leader stops this one.
    const bucket = await bucketAt(server);
    const late = { ...stuck.over, changeId: "", clearedInTerm: stuck.term };
    expect(await bucket.putAlone(late, stuck.over.revision)).toBeUndefined();
    await waitUntil("a knows that it leads no more", LIMIT_MS, () => a.lease.leader === "b");
    expect(a.lease.term()).toBeUndefined();
    for (const { store } of [a, b]) expect(await historyOf(store, orders)).toEqual(["peak_ewma"]);
  });

  test("the word of a former leader is refused by all replicas; that of the present one counts", async () => {
    const server = await natsServer({ hasJetStream: true });
    const a = await writableKv({ server, path: copy() });
    const b = await writableKv({ server, path: copy() });
    await removed(a, orders);
    await removed(a, carts);
    const bucket = await bucketAt(server);
    const [overOrders, overCarts] = [await bucket.newest(orders), await bucket.newest(carts)];
    if (overOrders === undefined || overCarts === undefined) throw new Error("nothing was removed");
    expect(await b.clearing.clear(overCarts, 9)).toBe(true);
    await waitUntil("a heard of term 9", LIMIT_MS, () => isCleared(a, carts));
    expect(await a.clearing.clear(overOrders, 5)).toBe(false);
    expect((await bucket.newest(orders))?.revision).toBe(overOrders.revision);
    const late = { ...overOrders, changeId: "", clearedInTerm: 5 };
    const revision = await bucket.putAlone(late, overOrders.revision);
    await write(a, carts, "random");
    await waitUntil("b heard of all", LIMIT_MS, () => b.get(carts) !== undefined);
    for (const store of [a, b]) {
      expect(await historyOf(store, orders)).toEqual([undefined, undefined, "random"]);
      expect(store.state.problem).toBe("");
    }
    const found = a.clearing.latest().find(({ key }) => key === orders);
    expect(found).toMatchObject({ revision });
    if (found !== undefined) expect(await b.clearing.clear(found, 9)).toBe(true);
    await waitUntil("a cleared it too", LIMIT_MS, () => isCleared(a, orders));
  });
});
