import { CALM, type LinkFaults } from "../support/fake-bus-network.ts";
import type { Fault, Step } from "./plan.ts";
import type { SimReplica } from "./sim-replica.ts";
import type { World } from "./world.ts";

/** @returns false when it fits nothing now. */
export type Action = (world: World, step: Step) => boolean | undefined;

/** Of the machines of replicas. */
export const REPLICA_ACTIONS = {
  crash_replica(world, { who, durationMs }) {
    const replica = replicaOf(world, who);
    if (replica.plane === undefined) return false;
    world.say(`${replica.name} crashes for ${durationMs} ms`);
    replica.kill();
    replica.startIn(durationMs);
    return true;
  },
  stop_replica(world, { who, durationMs }) {
    const replica = replicaOf(world, who);
    if (!replica.stop(durationMs)) return false;
    world.say(`${replica.name} is told to stop`);
    return true;
  },
  lost_disk(world, { who, durationMs }) {
    const replica = replicaOf(world, who);
    if (replica.plane === undefined) return false;
    world.say(`${replica.name} crashes for ${durationMs} ms and loses its disk`);
    replica.kill();
    replica.disk.wipe();
    world.ledger.died(replica.name, replica.disk);
    replica.startIn(durationMs);
    return true;
  },
  pause_replica(world, { who, durationMs }) {
    const replica = replicaOf(world, who);
    if (!replica.process.isRunning) return false;
    world.say(`${replica.name} stands still for ${durationMs} ms`);
    replica.pause();
    world.timeline.after(durationMs, () => replica.resume());
    return true;
  },
  clock_step(world, { who, what }) {
    const replica = replicaOf(world, who);
    replica.wallStepMs = wallStepMs(what, world.replicas.length);
    world.say(`the wall clock of ${replica.name} jumps to ${replica.wallStepMs} ms`);
    return true;
  },
  slow_disk(world, { who, durationMs }) {
    const { disk } = replicaOf(world, who);
    disk.latencyMs = [100, 2_000];
    world.timeline.after(durationMs, () => {
      disk.latencyMs = [0.1, 5];
    });
    return true;
  },
  full_disk(world, { who, durationMs }) {
    const { disk } = replicaOf(world, who);
    disk.isFull = true;
    world.timeline.after(durationMs, () => {
      disk.isFull = false;
    });
    return true;
  },
} satisfies Partial<Record<Fault, Action>>;

/** Of the bus between replicas. */
export const BUS_ACTIONS = {
  replica_partition: (world, step) => cut(world, step, true),
  replica_one_way_partition: (world, step) => cut(world, step, false),
  bus_drop: (world, step) => spoil(world, step, "dropShare", share(step)),
  bus_duplicate: (world, step) => spoil(world, step, "duplicateShare", share(step)),
  bus_reorder: (world, step) => spoil(world, step, "reorderShare", share(step)),
  bus_delay: (world, step) => spoil(world, step, "delayMs", [1, 1 + step.what]),
  bus_outage(world, { durationMs }) {
    if (world.replicas.length === 1) return false;
    world.say(`the bus is gone for ${durationMs} ms`);
    world.bus.outage();
    world.timeline.after(durationMs, () => world.bus.restore());
    return true;
  },
  bus_disconnect(world, { who, durationMs }) {
    if (world.replicas.length === 1) return false;
    const { name } = replicaOf(world, who);
    world.say(`${name} loses the bus for ${durationMs} ms`);
    world.bus.disconnect(name);
    world.timeline.after(durationMs, () => world.bus.connect(name));
    return true;
  },
} satisfies Partial<Record<Fault, Action>>;

export function replicaOf({ replicas }: World, who: number): SimReplica {
  const replica = replicas[who % replicas.length];
  if (replica === undefined) throw new Error("the world is empty");
  return replica;
}

/**
 * Up to an hour. Among several only up to 30 s ahead: what lies more than 5 s ahead is believed by
 * nobody else until that time has come, and everything has to agree soon after the last fault.
 */
function wallStepMs(what: number, replicaCount: number): number {
  const stepMs = (what - 500) * 7_200;
  return replicaCount === 1 || stepMs < 0 ? stepMs : stepMs / 120;
}

/** Between two groups; one of them may be a single replica. */
function cut(world: World, { who, durationMs }: Step, isBothWays: boolean): boolean {
  const names = world.replicas.map(({ name }) => name);
  if (names.length === 1) return false;
  const mask = 1 + (who % (2 ** names.length - 2));
  const one = names.filter((_, i) => (mask >> i) % 2 === 1);
  const other = names.filter((name) => !one.includes(name));
  world.say(
    `nothing from ${one} reaches ${other}${isBothWays ? " or back" : ""}: ${durationMs} ms`,
  );
  const set = (isCut: boolean): void => {
    for (const from of one) {
      for (const to of other) {
        world.bus.link(from, to).isCut = isCut;
        if (isBothWays) world.bus.link(to, from).isCut = isCut;
      }
    }
  };
  set(true);
  world.timeline.after(durationMs, () => set(false));
  return true;
}

/** Between 1 and 30 %. */
function share({ what }: Step): number {
  return 0.01 + (what / 1_000) * 0.29;
}

/** All links, or those of one replica. */
function spoil<K extends keyof LinkFaults>(
  world: World,
  { who, what, durationMs }: Step,
  fault: K,
  value: LinkFaults[K],
): boolean {
  const names = world.replicas.map(({ name }) => name);
  if (names.length === 1) return false;
  const chosen = what % 3 === 0 ? names : [replicaOf(world, who).name];
  const links = names.flatMap((from) =>
    names
      .filter((to) => to !== from && (chosen.includes(from) || chosen.includes(to)))
      .map((to) => world.bus.link(from, to)),
  );
  world.say(`the bus of ${chosen} has ${fault} ${String(value)} for ${durationMs} ms`);
  for (const link of links) link[fault] = value;
  world.timeline.after(durationMs, () => {
    for (const link of links) link[fault] = CALM[fault];
  });
  return true;
}
