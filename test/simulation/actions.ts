import { drain, evict, undrain } from "./operator.ts";
import type { Fault, Step, StepKind } from "./plan.ts";
import { FAULTS } from "./plan.ts";
import { type Action, BUS_ACTIONS, REPLICA_ACTIONS, replicaOf } from "./replica-actions.ts";
import type { SimAgent } from "./sim-agent.ts";
import { SimClient } from "./sim-client.ts";
import type { World } from "./world.ts";

/** Does what a step says; a step that fits nothing now does nothing. */
export function act(world: World, step: Step): void {
  const hasFired = ACTIONS[step.kind](world, step);
  if (hasFired !== false && isFault(step.kind)) world.count(step.kind);
}

function isFault(kind: StepKind): kind is Fault {
  return (FAULTS as readonly string[]).includes(kind);
}

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

  ...REPLICA_ACTIONS,
  ...BUS_ACTIONS,

  pause_agent: (world, { who, durationMs }) => pause(world, agentOf(world, who), durationMs),
  pause_client: (world, { who, durationMs }) => pause(world, clientOf(world, who), durationMs),
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
    const replica = replicaOf(world, what).name;
    const isUp = what % 2 === 0;
    const link = isUp ? world.network.link(name, replica) : world.network.link(replica, name);
    link.delayMs = [1, what];
    world.timeline.after(durationMs, () => {
      link.delayMs = [0.2, 2];
    });
    return true;
  },
  slow_watcher(world, { who, what, durationMs }) {
    const { name } = agentOf(world, who);
    const links = world.replicas.map((replica) => world.network.link(replica.name, name));
    for (const link of links) link.readMs = what;
    world.timeline.after(durationMs, () => {
      for (const link of links) link.readMs = 0;
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
    if (what % 2 === 0) twin.copy(original);
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

function pause(world: World, { process }: SimAgent | SimClient, durationMs: number): boolean {
  if (!process.isRunning) return false;
  world.say(`${process.name} stands still for ${durationMs} ms`);
  process.pause();
  world.timeline.after(durationMs, () => process.resume());
  return true;
}

/** Between an agent or a client and one replica, or several. */
function cut(world: World, { who, what, durationMs }: Step, isUp: boolean, isDown: boolean): void {
  const { network, replicas } = world;
  const name = memberOf(world, who);
  const mask = 1 + (what % (2 ** replicas.length - 1));
  const far = replicas.filter((_, i) => (mask >> i) % 2 === 1).map((replica) => replica.name);
  const ways = `${isUp ? " up" : ""}${isDown ? " down" : ""}`;
  world.say(`${name} is cut off from ${far}${ways} for ${durationMs} ms`);
  const set = (isCut: boolean): void => {
    for (const replica of far) {
      if (isUp || !isCut) network.setCut(name, replica, isCut);
      if (isDown || !isCut) network.setCut(replica, name, isCut);
    }
  };
  set(true);
  world.timeline.after(durationMs, () => set(false));
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
