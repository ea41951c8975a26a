import { expect, test } from "vitest";
import { aLease, anInstance } from "../../../../test/support/builders.ts";
import { quietLog } from "../../../../test/support/control-plane.ts";
import { FakeBusNetwork } from "../../../../test/support/fake-bus-network.ts";
import { FakeClock } from "../../../../test/support/fake-clock.ts";
import { seededRandom } from "../../../../test/support/seeded-random.ts";
import { SeenPositions } from "../../../core/discovery/seen-positions.ts";
import type { RegistrationId } from "../../../core/model/names.ts";
import { adopt } from "../../../core/registry/adoption.ts";
import { LeaseGroup } from "../../../core/registry/lease.ts";
import type { InstanceRecord } from "../../../core/registry/record.ts";
import { Registry } from "../../../core/registry/registry.ts";
import { ClusterSubjects } from "../../../core/replication/subjects.ts";
import { ReplicationWire } from "../../../io/wire/replication.ts";
import { Replicator } from "./replicator.ts";

const NAMES = ["one", "two", "three", "four"] as const;
/** The last two found that a drain was lost between owners. */
const SEEDS = [...Array.from({ length: 40 }, (_, i) => i + 1), 161, 313];

/** Whoever claims what somebody let go is waited for so long. */
const SETTLED_MS = 45_000;

class World {
  readonly clock = new FakeClock();
  readonly random: () => number;
  readonly network: FakeBusNetwork;
  readonly replicas: Replica[] = [];

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.network = new FakeBusNetwork({ clock: this.clock, random: seededRandom(seed + 1_000) });
    for (const name of NAMES) this.replicas.push(new Replica(name, this));
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10) {
      this.clock.advance(10);
      for (let i = 0; i < 20; i++) await null;
    }
  }

  pick<T>(of: readonly T[]): T {
    return of[Math.floor(this.random() * of.length)] as T;
  }

  chance(share: number): boolean {
    return this.random() < share;
  }
}

/** A registry with its replicator, in which anything may happen at any time. */
class Replica {
  readonly name: string;
  readonly registry: Registry;
  readonly replicator: Replicator;
  readonly #world: World;

  constructor(name: string, world: World) {
    this.name = name;
    this.#world = world;
    const { clock, network } = world;
    this.registry = new Registry({
      upserted: () => undefined,
      removed: () => undefined,
      serviceChanged: () => undefined,
      written: (record) => this.replicator.written(record),
      ended: (fence) => this.replicator.ended(fence),
      handedOver: (record, generation) => this.replicator.handedOver(record, generation),
    });
    this.replicator = new Replicator({
      ...{ clock, clusterClock: clock, registry: this.registry, log: quietLog, address: "" },
      bus: network.join(name),
      codec: new ReplicationWire("test"),
      random: world.random,
      subjects: new ClusterSubjects("test"),
      origin: { replicaId: name, epoch: 1 },
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

  /** One thing that a client, an operator, a lease or an adopter does here. */
  act(processes: Map<string, number>): void {
    const { clock } = this.#world;
    const records = [...(this.registry.services.get(aLease("a").service)?.records.values() ?? [])];
    const record = records.length === 0 ? undefined : this.#world.pick(records);
    const deed = this.#world.random();
    if (record === undefined || deed < 0.35) this.#register(processes);
    else if (deed < 0.45) this.#end(record, "deregistered");
    else if (deed < 0.55 && record.isOwn) this.#end(record, "expired");
    else if (deed < 0.75 && !record.isOwn) {
      adopt(this.registry, record, this.registry.unowned.group, clock.nowMs());
    } else if (deed < 0.85 && record.isOwn) this.registry.setDraining(record, !record.isDraining);
    else if (record.isOwn) this.registry.suspect(record, clock.nowMs());
    this.replicator.publish();
  }

  /** `id process.generation+adoption revision state@owner`, in order. */
  get view(): string[] {
    const records = this.registry.services.get(aLease("a").service)?.records.values() ?? [];
    return [...records]
      .map((record) => {
        const { registrationId, generation } = record.instance;
        const owner = record.group.ownerId || this.name;
        const operator = `${record.operatorRevision}${record.isDraining ? "d" : ""}`;
        return `${record.id} ${registrationId}.${generation}+${record.adoption} ${operator} ${record.endpoint.state}@${owner}`;
      })
      .sort();
  }

  /** A process attaches, with the next generation; sometimes a new process takes the id. */
  #register(processes: Map<string, number>): void {
    const { clock, pick, chance } = {
      clock: this.#world.clock,
      pick: (of: readonly string[]) => this.#world.pick(of),
      chance: (share: number) => this.#world.chance(share),
    };
    const known = [...processes.keys()];
    const isNew = known.length === 0 || chance(0.3);
    const process = isNew
      ? `i${Math.floor(this.#world.random() * 6)}-p${known.length}`
      : pick(known);
    const generation = (processes.get(process) ?? 0) + 1;
    processes.set(process, generation);
    const id = process.slice(0, process.indexOf("-"));
    const registrationId = process as RegistrationId;
    const time = { nowMs: clock.nowMs(), wallMs: clock.wallMs() };
    this.registry.register(
      { instance: anInstance({ id, registrationId, generation }), defaults: undefined },
      (leaseMs) => new LeaseGroup<InstanceRecord>(leaseMs, "", time.nowMs),
      time,
    );
  }

  #end(record: InstanceRecord, reason: "deregistered" | "expired"): void {
    const { clock } = this.#world;
    this.registry.remove(record, reason, clock.nowMs(), clock.wallMs());
  }
}

function disturb(world: World): void {
  const { network, random } = world;
  const pick = () => world.pick(NAMES);
  network.everyLink({
    dropShare: random() * 0.4,
    duplicateShare: random() * 0.3,
    reorderShare: random() * 0.3,
    isCut: false,
  });
  if (world.chance(0.5)) network.link(pick(), pick()).isCut = true;
  if (world.chance(0.3)) network.partition([pick()], [...NAMES]);
}

test.each(SEEDS)("whatever happens where, all agree in the end: seed %i", async (seed) => {
  const world = new World(seed);
  await world.pass(2_000);
  const processes = new Map<string, number>();
  for (let i = 0; i < 120; i++) {
    if (i % 20 === 0) disturb(world);
    world.pick(world.replicas).act(processes);
    await world.pass(world.chance(0.1) ? 2_000 : 20);
  }
  world.network.calm();
  await world.pass(SETTLED_MS);
  const [first, ...others] = world.replicas.map(({ view }) => view);
  for (const view of others) expect(view).toEqual(first);
  expect(world.replicas.every(({ replicator }) => replicator.pulls.isSynced)).toBe(true);
});
