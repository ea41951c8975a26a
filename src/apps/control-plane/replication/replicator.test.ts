import { describe, expect, test } from "vitest";
import { aLease, anInstance } from "../../../../test/support/builders.ts";
import { quietLog } from "../../../../test/support/control-plane.ts";
import { FakeBusNetwork } from "../../../../test/support/fake-bus-network.ts";
import { FakeClock } from "../../../../test/support/fake-clock.ts";
import { seededRandom } from "../../../../test/support/seeded-random.ts";
import { SeenPositions } from "../../../core/discovery/seen-positions.ts";
import type { RegistrationId } from "../../../core/model/names.ts";
import { LeaseGroup } from "../../../core/registry/lease.ts";
import type { InstanceRecord } from "../../../core/registry/record.ts";
import { Registry } from "../../../core/registry/registry.ts";
import type { ReplicationMessage } from "../../../core/replication/messages.ts";
import { ClusterSubjects } from "../../../core/replication/subjects.ts";
import type { ReplicationCodec } from "../../../ports/replication-codec.ts";
import { Replicator } from "./replicator.ts";

/** Messages pass as they are, by number. */
function numberCodec(): ReplicationCodec {
  const messages: ReplicationMessage[] = [];
  return {
    encode: (message) => new Uint8Array(Uint32Array.of(messages.push(message) - 1).buffer),
    decode: (bytes) => messages[new Uint32Array(bytes.slice().buffer)[0] ?? -1],
  };
}

/** A registry with its replicator: a replica without streams. */
class Replica {
  readonly registry: Registry;
  readonly replicator: Replicator;
  readonly #clock: FakeClock;

  constructor(id: string, epoch: number, world: World) {
    const { clock, network, codec } = world;
    this.#clock = clock;
    this.registry = new Registry({
      upserted: () => undefined,
      removed: () => undefined,
      serviceChanged: () => undefined,
      written: (record) => this.replicator.written(record),
      ended: (fence) => this.replicator.ended(fence),
      handedOver: (record, formerGeneration) =>
        this.replicator.handedOver(record, formerGeneration),
    });
    this.replicator = new Replicator({
      ...{
        clock,
        clusterClock: clock,
        codec,
        registry: this.registry,
        log: quietLog,
        address: "",
        bus: network.join(id),
      },
      random: seededRandom(epoch),
      subjects: new ClusterSubjects("test"),
      origin: { replicaId: id, epoch },
      softwareVersion: "test",
      publish: () => this.replicator.publish(),
      flags: () => ({ isLeaving: false, isIsolated: false, isSettled: true }),
      heard: () => undefined,
      isComplete: () => this.replicator.pulls.isSynced,
      succeeded: () => undefined,
      implied: new SeenPositions(),
    });
    this.replicator.start();
  }

  register(id: string, process: string, generation: number): void {
    const time = { nowMs: this.#clock.nowMs(), wallMs: this.#clock.wallMs() };
    const registrationId = process as RegistrationId;
    const result = this.registry.register(
      { instance: anInstance({ id, registrationId, generation }), defaults: undefined },
      (leaseMs) => new LeaseGroup<InstanceRecord>(leaseMs, "session", time.nowMs),
      time,
    );
    if (result.kind !== "registered") throw new Error(result.message);
    this.replicator.publish();
  }

  end(id: string, reason: "deregistered" | "expired"): void {
    const record = this.registry.find(aLease(id));
    if (record === undefined) throw new Error(`there is no ${id}`);
    this.registry.remove(record, reason, this.#clock.nowMs(), this.#clock.wallMs());
    this.replicator.publish();
  }

  /** Who is served, with its owner: `a=p1.1@one`. */
  get view(): string[] {
    const records = this.registry.services.get(aLease("a").service)?.records.values() ?? [];
    return [...records]
      .map(({ instance: { id, registrationId, generation }, group }) => {
        return `${id}=${registrationId}.${generation}${group.ownerId === "" ? "" : `@${group.ownerId}`}`;
      })
      .sort();
  }
}

class World {
  readonly clock = new FakeClock();
  readonly codec = numberCodec();
  readonly network: FakeBusNetwork;
  #epoch = 0;

  constructor(seed: number) {
    this.network = new FakeBusNetwork({ clock: this.clock, random: seededRandom(seed) });
  }

  replica(id: string): Replica {
    return new Replica(id, ++this.#epoch, this);
  }

  /** Lets time pass, with what requests answer in between. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10) {
      this.clock.advance(10);
      for (let i = 0; i < 20; i++) await null;
    }
  }
}

async function three(seed = 7) {
  const world = new World(seed);
  const replicas = ["one", "two", "three"].map((id) => world.replica(id)) as [
    Replica,
    Replica,
    Replica,
  ];
  await world.pass(3_000);
  return { world, replicas };
}

/** What each serves, without who owns it: that differs between an owner and the others. */
const served = (replicas: readonly Replica[]) =>
  new Set(replicas.map(({ view }) => view.map((text) => text.split("@")[0]).join(" ")));

test("what one registers, changes and removes is the same on all", async () => {
  const { world, replicas } = await three();
  const [one, two, three_] = replicas;
  one.register("a", "p1", 1);
  two.register("b", "p2", 1);
  await world.pass(50);
  expect(one.view).toEqual(["a=p1.1", "b=p2.1@two"]);
  expect(three_.view).toEqual(["a=p1.1@one", "b=p2.1@two"]);
  one.end("a", "deregistered");
  await world.pass(50);
  expect(served(replicas)).toEqual(new Set(["b=p2.1"]));
});

test("a client that attaches elsewhere moves, and is never missing on the way", async () => {
  const { world, replicas } = await three();
  const [one, two, three_] = replicas;
  one.register("a", "p1", 1);
  await world.pass(50);
  two.register("a", "p1", 2);
  for (let i = 0; i < 10; i++) {
    await world.pass(10);
    expect(three_.view).toHaveLength(1);
  }
  expect([one.view, two.view, three_.view]).toEqual([["a=p1.2@two"], ["a=p1.2"], ["a=p1.2@two"]]);
  one.register("a", "p1", 3);
  await world.pass(50);
  expect(three_.view).toEqual(["a=p1.3@one"]);
});

test("a goodbye said to one that does not own the record is true everywhere, for good", async () => {
  const { world, replicas } = await three();
  const [one, two, three_] = replicas;
  one.register("a", "p1", 1);
  await world.pass(50);
  three_.end("a", "deregistered");
  await world.pass(50);
  expect(served(replicas)).toEqual(new Set([""]));
  expect(() => two.register("a", "p1", 9)).toThrow();
});

test("a new process takes the id over wherever it registers", async () => {
  const { world, replicas } = await three();
  const [one, two] = replicas;
  one.register("a", "old", 5);
  await world.pass(50);
  two.register("a", "new", 1);
  await world.pass(50);
  expect(served(replicas)).toEqual(new Set(["a=new.1"]));
});

describe("after a fault", () => {
  test("what was lost in an outage of the bus is caught up with", async () => {
    const { world, replicas } = await three();
    const [one, two] = replicas;
    one.register("a", "p1", 1);
    two.register("b", "p2", 1);
    await world.pass(50);
    world.network.outage();
    one.end("a", "deregistered");
    one.register("c", "p3", 1);
    two.register("b", "p2", 2);
    await world.pass(5_000);
    expect(served(replicas).size).toBe(3);
    world.network.restore();
    await world.pass(5_000);
    expect(served(replicas)).toEqual(new Set(["b=p2.2 c=p3.1"]));
    expect(replicas.every(({ replicator }) => replicator.pulls.isSynced)).toBe(true);
  });

  test("both sides of a partition register the same id: the later process wins on all", async () => {
    const { world, replicas } = await three();
    const [one, two] = replicas;
    world.network.partition(["one"], ["two", "three"]);
    one.register("a", "left", 1);
    await world.pass(10);
    two.register("a", "right", 1);
    await world.pass(5_000);
    expect(served(replicas).size).toBe(2);
    world.network.calm();
    await world.pass(10_000);
    expect(served(replicas)).toEqual(new Set(["a=right.1"]));
    expect(one.view).toEqual(["a=right.1@two"]);
  });

  test("a drain holds where another former process of the id was known", async () => {
    const { world, replicas } = await three();
    const [one, two] = replicas;
    one.register("a", "p1", 1);
    await world.pass(50);
    world.network.partition(["one"], ["two", "three"]);
    one.end("a", "deregistered");
    one.register("a", "p2", 1);
    const drained = one.registry.find(aLease("a"));
    if (drained === undefined) throw new Error("there is no a");
    expect(one.registry.setDraining(drained, true)).toBe(1);
    // There, it takes the place of one that has not left yet.
    two.register("a", "p2", 2);
    world.network.calm();
    await world.pass(10_000);
    const endpoints = replicas.map(({ registry }) => registry.find(aLease("a"))?.endpoint);
    const told = { registrationId: "p2", state: "draining", operatorRevision: 1 };
    expect(endpoints).toMatchObject([told, told, told]);
  });

  const SEEDS = Array.from({ length: 25 }, (_, i) => i + 1);
  test.each(SEEDS)(
    "lost, doubled and overtaken messages change nothing in the end: seed %i",
    async (seed) => {
      const { world, replicas } = await three(seed);
      world.network.everyLink({ dropShare: 0.2, duplicateShare: 0.2, reorderShare: 0.2 });
      const random = seededRandom(seed * 31);
      for (let i = 1; i <= 200; i++) {
        const replica = replicas[i % 3];
        const id = `i${Math.floor(random() * 20)}`;
        const held = replica?.registry.find(aLease(id));
        // Only an owner knows that somebody is silent; a goodbye may be said to anybody.
        const reason = held?.isOwn === true && random() < 0.5 ? "expired" : "deregistered";
        if (held !== undefined && random() < 0.4) replica?.end(id, reason);
        else replica?.register(id, `p${i}`, 1);
        await world.pass(20);
      }
      world.network.calm();
      await world.pass(20_000);
      expect(served(replicas).size).toBe(1);
      expect([...served(replicas)][0]?.length).toBeGreaterThan(0);
      expect(replicas.every(({ replicator }) => replicator.pulls.isSynced)).toBe(true);
    },
  );

  test("a replica that starts anew is told everything, and a new life empties nobody's list", async () => {
    const { world, replicas } = await three();
    const [one, two, three_] = replicas;
    one.register("a", "p1", 1);
    two.register("b", "p2", 1);
    await world.pass(50);
    one.replicator.stop();
    const again = world.replica("one");
    await world.pass(5_000);
    expect(again.view).toEqual(["b=p2.1@two"]);
    expect(three_.view).toEqual(["a=p1.1@one", "b=p2.1@two"]);
    again.register("a", "p1", 2);
    await world.pass(50);
    expect(served([again, two, three_])).toEqual(new Set(["a=p1.2 b=p2.1"]));
  });
});

test("garbage on our subjects is counted and ignored", async () => {
  const { world, replicas } = await three();
  const stranger = world.network.join("stranger");
  await world.pass(1_000);
  const subjects = new ClusterSubjects("test");
  stranger.publish(subjects.of("delta", "one"), Uint8Array.of(255, 255, 255, 255));
  stranger.publish(subjects.of("hb", "x"), new Uint8Array());
  await world.pass(50);
  expect(replicas.map(({ replicator }) => replicator.garbageCount)).toEqual([2, 2, 2]);
});
