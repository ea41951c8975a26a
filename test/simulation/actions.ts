import { drain, evict, undrain } from "./operator.ts";
import type { Fault, Step, StepKind } from "./plan.ts";
import { FAULTS } from "./plan.ts";
import type { SimAgent } from "./sim-agent.ts";
import { SimClient } from "./sim-client.ts";
import type { SimReplica } from "./sim-replica.ts";
import type { World } from "./world.ts";

/** Does what a step says; a step that fits nothing now does nothing. */
export function act(world: World, step: Step): void {
  const hasFired = ACTIONS[step.kind](world, step);
  if (hasFired !== false && isFault(step.kind)) world.count(step.kind);
}

function isFault(kind: StepKind): kind is Fault {
  return (FAULTS as readonly string[]).includes(kind);
}

type Action = (world: World, step: Step) => boolean | undefined;

const ACTIONS: Readonly<Record<StepKind, Action>> = {
  pick(world, { who, what, durationMs }) {
    agentOf(world, who).pick(what, durationMs / 10);
    return undefined;
  },
  start(world, { who, what }) {
    clientOf(world, who).want(what, false);
    return undefined;
  },
  stop(world, { who, what }) {
    clientOf(world, who).leave(what);
    return undefined;
  },
  health(world, { who, what }) {
    clientOf(world, who).flip(what);
    return undefined;
  },
  drain(world, step) {
    drain(world, step);
    return undefined;
  },
  undrain(world, step) {
    undrain(world, step);
    return undefined;
  },
  evict(world, step) {
    evict(world, step);
    return undefined;
  },

  crash_replica(world, { who, durationMs }) {
    const replica = replicaOf(world, who);
    if (replica.plane === undefined) return false;
    world.say(`${replica.name} crashes for ${durationMs} ms`);
    replica.kill();
    world.timeline.after(durationMs, () => {
      if (replica.plane === undefined) replica.start();
    });
    return true;
  },
  lost_disk(world, { who, durationMs }) {
    const replica = replicaOf(world, who);
    if (replica.plane === undefined) return false;
    world.say(`${replica.name} crashes and loses its disk`);
    replica.kill();
    world.timeline.after(durationMs, () => {
      if (replica.plane !== undefined) return;
      replica.disk.wipe();
      world.ledger.forgetOut();
      replica.start();
    });
    return true;
  },
  pause_replica: (world, { who, durationMs }) => pause(world, replicaOf(world, who), durationMs),
  pause_agent: (world, { who, durationMs }) => pause(world, agentOf(world, who), durationMs),
  pause_client: (world, { who, durationMs }) => pause(world, clientOf(world, who), durationMs),
  clock_step(world, { who, what }) {
    const stepMs = (what - 500) * 7_200;
    world.say(`the wall clock of ${replicaOf(world, who).name} jumps to ${stepMs} ms`);
    replicaOf(world, who).wallStepMs = stepMs;
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

  broken_stream(world, { who, what }) {
    const name = memberOf(world, who);
    const isBroken = world.network.breakOne(name, what);
    if (isBroken) world.say(`a stream of ${name} breaks`);
    return isBroken;
  },
  partition(world, step) {
    cut(world, step, true, true);
    return true;
  },
  one_way_partition(world, step) {
    const isUp = step.what % 2 === 0;
    cut(world, step, isUp, !isUp);
    return true;
  },
  delay(world, { who, what, durationMs }) {
    const name = memberOf(world, who);
    const link = what % 2 === 0 ? world.network.link(name, "r0") : world.network.link("r0", name);
    link.delayMs = [1, what];
    world.timeline.after(durationMs, () => {
      link.delayMs = [0.2, 2];
    });
    return true;
  },
  slow_watcher(world, { who, what, durationMs }) {
    const { name } = agentOf(world, who);
    const link = world.network.link("r0", name);
    link.readMs = what;
    world.timeline.after(durationMs, () => {
      link.readMs = 0;
    });
    return true;
  },

  crash_agent(world, { who, durationMs }) {
    const agent = agentOf(world, who);
    if (agent.plane === undefined) return false;
    world.say(`${agent.name} crashes`);
    agent.kill();
    world.timeline.after(durationMs, () => {
      if (agent.plane === undefined) agent.start();
    });
    return true;
  },
  crash_client(world, { who, durationMs }) {
    const client = clientOf(world, who);
    if (client.plane === undefined) return false;
    world.say(`${client.name} crashes`);
    client.kill();
    world.timeline.after(durationMs, () => {
      if (client.plane === undefined) client.start();
    });
    return true;
  },
  twin_client(world, { who, what }) {
    const original = clientOf(world, who);
    if (world.clients.length > 8) return false;
    const twin = new SimClient(world, `t${world.clients.length}`, original.name);
    for (const [key, local] of original.wanted) if (what % 2 === 0) twin.wanted.set(key, local);
    world.clients.push(twin);
    world.say(`${twin.name} starts with the ids of ${original.name}`);
    twin.start();
    return true;
  },
  unreadable_endpoint(world, { who, what }) {
    agentOf(world, who).isOld = true;
    clientOf(world, who).want(what, true);
    return true;
  },
};

function pause(
  world: World,
  { process }: SimAgent | SimClient | SimReplica,
  durationMs: number,
): boolean {
  if (!process.isRunning) return false;
  world.say(`${process.name} stands still for ${durationMs} ms`);
  process.pause();
  world.timeline.after(durationMs, () => process.resume());
  return true;
}

function cut(world: World, { who, durationMs }: Step, isUp: boolean, isDown: boolean): void {
  const { network } = world;
  const name = memberOf(world, who);
  world.say(`${name} is cut off${isUp ? " up" : ""}${isDown ? " down" : ""} for ${durationMs} ms`);
  if (isUp) network.setCut(name, "r0", true);
  if (isDown) network.setCut("r0", name, true);
  world.timeline.after(durationMs, () => {
    network.setCut(name, "r0", false);
    network.setCut("r0", name, false);
  });
}

function replicaOf({ replicas }: World, who: number): SimReplica {
  return at(replicas, who);
}

function agentOf({ agents }: World, who: number): SimAgent {
  return at(agents, who);
}

function clientOf({ clients }: World, who: number): SimClient {
  return at(clients, who);
}

/** An agent or a client. */
function memberOf({ agents, clients }: World, who: number): string {
  return at([...agents, ...clients], who).name;
}

function at<T>(items: readonly T[], who: number): T {
  const item = items[who % Math.max(1, items.length)];
  if (item === undefined) throw new Error("the world is empty");
  return item;
}
