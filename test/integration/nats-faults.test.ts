import { describe, expect, onTestFinished, test } from "vitest";
import { decodeReplication, ReplicationWire } from "../../src/io/wire/replication.ts";
import { TestAgent } from "../support/control-plane.ts";
import { fastClock } from "../support/fast-clock.ts";
import { freePort } from "../support/free-port.ts";
import { natsBus, natsServer } from "../support/nats-bus.ts";
import { agreed, type NatsReplica, natsReplica, SUBJECTS } from "../support/nats-replicas.ts";
import { findNatsServer, type NatsServerProcess } from "../support/nats-server.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Whole replicas over a real NATS server that fails, or on which somebody else speaks. */

/** Only ends a wait for what never comes. */
const LIMIT_MS = 20_000;

/** A minute in six seconds: a machine that is busy stalls a process for longer than one would think. */
const FAST = 10;

const A_MINUTE_MS = 60_000 / FAST;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Two that know each other, each with an instance. */
async function two(
  server: NatsServerProcess,
  more: Partial<Parameters<typeof natsReplica>[1]> = {},
): Promise<[NatsReplica, NatsReplica]> {
  const options = { servers: [server.url], ...more };
  const pair: [NatsReplica, NatsReplica] = [
    natsReplica("one", options),
    natsReplica("two", options),
  ];
  pair[0].register("a");
  pair[1].register("b");
  await agreed(pair, ["a=r-a.1 healthy", "b=r-b.1 healthy"]);
  return pair;
}

/** Somebody else on the same NATS, who hears what replicas say. */
async function stranger(server: NatsServerProcess) {
  const { bus, connected } = natsBus({ servers: [server.url], name: "stranger" });
  const heard: { subject: string; payload: Uint8Array }[] = [];
  bus.subscribe("weir.test.v1.>", ({ subject, payload }) => {
    // What comes is good until the callback returns.
    heard.push({ subject, payload: Uint8Array.from(payload) });
  });
  await connected();
  return { bus, heard };
}

describe.skipIf(findNatsServer() === undefined)("on the subjects of replicas", () => {
  test("garbage, messages of other clusters and of newer versions are told apart and change nothing", async () => {
    const server = await natsServer();
    const replicas = await two(server);
    const { bus, heard } = await stranger(server);
    await waitUntil("heartbeats are heard", LIMIT_MS, () => heard.length > 2);
    const good = heard.at(-1)?.payload ?? new Uint8Array();
    const random = seededRandom(7);
    const subjects = (["delta", "hb", "ctl", "pull"] as const).map((kind) =>
      SUBJECTS.of(kind, "one"),
    );
    const origin = { replicaId: "x", epoch: 1 };
    const foreign = new ReplicationWire("prod").encode({ type: "control", origin, kind: "leave" });
    for (let i = 0; i < 500; i++) {
      const noise = Uint8Array.from({ length: 1 + (i % 300) }, () => random() * 256);
      const damaged = [
        noise,
        flipped(good, random),
        good.subarray(0, Math.floor(random() * good.length)),
      ];
      // A bit that makes another message of it is a forgery, and no garbage.
      const unreadable = damaged.filter((bytes) => !decodeReplication("test", bytes).isGood);
      for (const bytes of [...unreadable, foreign]) {
        bus.publish(subjects[i % subjects.length] ?? "", bytes);
      }
    }
    bus.publish(SUBJECTS.of("delta", "one"), new Uint8Array(900_000).fill(0x0a));
    for (const { refused } of replicas) {
      await waitUntil("it was refused", LIMIT_MS, () => refused.length > 700);
      expect(new Set(refused)).toEqual(new Set(["garbage", "other-cluster", "newer"]));
    }
    replicas[0].register("c");
    await agreed(replicas, ["a=r-a.1 healthy", "b=r-b.1 healthy", "c=r-c.1 healthy"]);
    for (const { bus: own } of replicas) {
      expect(own.state).toMatchObject({ isConnected: true, listenerErrorCount: 0 });
    }
  });

  test("a capture of everything that was said, played back twice, brings nobody back", async () => {
    const server = await natsServer();
    const replicas = await two(server);
    const { bus, heard } = await stranger(server);
    const [one, other] = replicas;
    one.register("c");
    other.register("d");
    await agreed(replicas);
    await one.deregister("c");
    await other.deregister("d");
    one.register("a", "next", 1);
    const now = ["a=next.1 healthy", "b=r-b.1 healthy"];
    await agreed(replicas, now);
    const capture = [...heard];
    expect(capture.length).toBeGreaterThan(4);
    for (const { subject, payload } of [...capture, ...capture.toReversed()]) {
      bus.publish(subject, payload);
    }
    other.register("e");
    const after = [...now, "e=r-e.1 healthy"];
    await agreed(replicas, after);
    // Two heartbeats later every difference would have been mended, or have come to light.
    await pause(2_500);
    expect(replicas.map((replica) => replica.view())).toEqual([after, after]);
  });

  test("what a replica said in its former life is no news of it", async () => {
    const server = await natsServer();
    const [one, other] = await two(server);
    const { bus, heard } = await stranger(server);
    one.register("c");
    await agreed([one, other]);
    const formerLife = [...heard];
    await one.crash();
    const again = natsReplica("one", { servers: [server.url] });
    again.register("a", "r-a", 2);
    again.register("c", "r-c", 2);
    const now = ["a=r-a.2 healthy", "b=r-b.1 healthy", "c=r-c.2 healthy"];
    await agreed([again, other], now);
    await again.deregister("c");
    await agreed([again, other], now.slice(0, 2));
    for (const { subject, payload } of formerLife) bus.publish(subject, payload);
    await pause(2_500);
    expect([again.view(), other.view()]).toEqual([now.slice(0, 2), now.slice(0, 2)]);
  });
});

describe.skipIf(findNatsServer() === undefined)("without NATS", () => {
  test("a replica that starts serves and settles alone, empties no agent's list, and meets its peer later", async () => {
    const port = await freePort();
    const options = { servers: [`nats://127.0.0.1:${port}`], clock: fastClock(FAST) };
    const one = natsReplica("one", options);
    const other = natsReplica("two", options);
    const agent = new TestAgent(one.plane, "agent-1").watch();
    one.register("a");
    other.register("b");
    await waitUntil("it has settled", LIMIT_MS, () => one.plane.isSettled());
    expect(one.view()).toEqual(["a=r-a.1 healthy"]);
    await natsServer({ port });
    await agreed([one, other], ["a=r-a.1 healthy", "b=r-b.1 healthy"]);
    expect(removalsIn(agent)).toBe(0);
  });

  test("for a minute both sides serve everybody, take in new ones, and agree after it", async () => {
    const server = await natsServer();
    const clock = fastClock(FAST);
    const replicas = await two(server, { clock });
    const [one, other] = replicas;
    const agent = new TestAgent(other.plane, "agent-1").watch();
    await server.kill();
    await waitUntil("it is noticed", LIMIT_MS, () => !one.bus.state.isConnected);
    one.register("c");
    other.register("d");
    // On both sides: the later process has it.
    one.register("e", "left", 1);
    await pause(50);
    other.register("e", "right", 1);
    await pause(A_MINUTE_MS);
    const both = ["a=r-a.1 healthy", "b=r-b.1 healthy"];
    expect(one.view()).toEqual([...both, "c=r-c.1 healthy", "e=left.1 healthy"]);
    expect(other.view()).toEqual([...both, "d=r-d.1 healthy", "e=right.1 healthy"]);
    await server.start();
    const all = ["c=r-c.1 healthy", "d=r-d.1 healthy", "e=right.1 healthy"];
    await agreed(replicas, [...both, ...all]);
    expect(removalsIn(agent)).toBe(0);
  });

  test("a server that is frozen for a minute costs nobody, and what was said meanwhile arrives", async () => {
    const server = await natsServer();
    const more = { clock: fastClock(FAST), pingIntervalMs: 150, dialTimeoutMs: 2_000 };
    const replicas = await two(server, more);
    const [one, other] = replicas;
    const agent = new TestAgent(other.plane, "agent-1").watch();
    server.signal("SIGSTOP");
    onTestFinished(() => server.signal("SIGCONT"));
    // A signal takes a moment to stop a process that runs.
    await pause(100);
    one.register("c");
    await waitUntil("it is noticed", LIMIT_MS, () => !one.bus.state.isConnected);
    await pause(A_MINUTE_MS);
    const both = ["a=r-a.1 healthy", "b=r-b.1 healthy"];
    expect(other.view()).toEqual(both);
    expect(one.view()).toEqual([...both, "c=r-c.1 healthy"]);
    server.signal("SIGCONT");
    await agreed(replicas, [...both, "c=r-c.1 healthy"]);
    expect(removalsIn(agent)).toBe(0);
  });
});

describe.skipIf(findNatsServer() === undefined)("a wall clock", () => {
  const HOUR_MS = 3_600_000;

  /** Three replicas, the first of which has a clock that is wrong. */
  async function withClockOff(aheadMs: number) {
    const server = await natsServer();
    const servers = [server.url];
    const off = natsReplica("one", { servers, clock: fastClock(FAST, aheadMs) });
    const right = ["two", "three"].map((id) =>
      natsReplica(id, { servers, clock: fastClock(FAST) }),
    );
    right[0]?.register("b");
    right[1]?.register("c");
    await agreed([off, ...right], ["b=r-b.1 healthy", "c=r-c.1 healthy"]);
    // Of two clocks the later one counts: it dates nothing before it has compared all three.
    await waitUntil("the first one hears both others", 20_000, () => {
      const members = off.plane.admin.cluster()?.members ?? [];
      return members.filter(({ state }) => state === "alive").length === 3;
    });
    await pause((2 * A_MINUTE_MS) / 60);
    return { off, right };
  }

  test.each([
    { what: "an hour late", aheadMs: -HOUR_MS },
    { what: "an hour ahead", aheadMs: HOUR_MS },
  ])(
    "that is $what on one replica of three ends nothing, and everybody is served everywhere",
    async ({ aheadMs }) => {
      const { off, right } = await withClockOff(aheadMs);
      const agents = [off, ...right].map(({ plane }) => new TestAgent(plane, "agent-1").watch());
      off.register("a");
      // A new process of an id that another replica owns: by its time it is the newer one.
      off.register("b", "next", 1);
      const all = ["a=r-a.1 healthy", "b=next.1 healthy", "c=r-c.1 healthy"];
      await agreed([off, ...right], all);
      await pause(A_MINUTE_MS / 2);
      await agreed([off, ...right], all);
      right[0]?.register("a", "r-a", 2);
      right[1]?.register("b", "after-next", 1);
      await agreed(
        [off, ...right],
        ["a=r-a.2 healthy", "b=after-next.1 healthy", "c=r-c.1 healthy"],
      );
      expect(agents.map(removalsIn)).toEqual([0, 0, 0]);
    },
  );
});

/** What an agent was told to take out. */
function removalsIn(agent: TestAgent): number {
  return agent.updates.reduce((sum, { removals }) => sum + removals.length, 0);
}

function flipped(bytes: Uint8Array, random: () => number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = Math.floor(random() * copy.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << Math.floor(random() * 8));
  return copy;
}
