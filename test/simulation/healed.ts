import type { Endpoint } from "../../src/core/model/endpoint.ts";
import { type ServiceKey, serviceKey } from "../../src/core/model/names.ts";
import { whyApart } from "./agent-agrees.ts";
import { whyReplicasDiffer } from "./replicas-agree.ts";
import type { SimAgent } from "./sim-agent.ts";
import type { SimReplica } from "./sim-replica.ts";
import type { World } from "./world.ts";

/** Everything runs and every link passes. */
export function heal(world: World): void {
  world.say("everything is healed");
  world.network.heal();
  world.bus.calm();
  world.bus.restore();
  for (const replica of world.replicas) {
    replica.disk.isFull = false;
    replica.disk.latencyMs = [0.1, 5];
    replica.wallStepMs = 0;
    replica.restartAfterMs = 0;
    world.bus.connect(replica.name);
    replica.resume();
    if (replica.plane === undefined) replica.start();
  }
  for (const member of [...world.agents, ...world.clients]) {
    member.process.resume();
    if (member.plane === undefined) member.start();
  }
}

/** What is not yet as it must become after the last fault; `undefined` when all is well. */
export function whyNotConverged(world: World): string | undefined {
  const reason = whyReplicasDiffer(world.replicas) ?? whyHeldTwice(world);
  if (reason !== undefined) return reason;
  for (const replica of world.replicas) {
    const why =
      whyClientsAreMissing(world, replica) ??
      world.agents
        .map((agent) => whyApart(agent, replica, world.ledger))
        .find((text) => text !== undefined);
    if (why !== undefined) return why;
  }
  return whyBack(world);
}

/** Who runs is registered by its own session, and who lost its id has been told. */
function whyClientsAreMissing(world: World, { plane, name }: SimReplica): string | undefined {
  if (plane === undefined) return `${name} is away`;
  for (const client of world.clients) {
    for (const { key, registrationId, status } of client.views()) {
      if (status === "superseded" || status === "evicted") continue;
      const local = client.wanted.get(key);
      if (local === undefined) continue;
      const { namespace, service, id } = local.instance;
      const record = plane.replica.registry.find({
        service: serviceKey(namespace, service),
        instanceId: id,
        registrationId: "",
      });
      if (record?.instance.registrationId !== registrationId || status !== "registered") {
        return `${registrationId} of ${client.name} is ${status}, and ${name} holds ${record?.instance.registrationId}`;
      }
    }
  }
  return undefined;
}

/** I10: each registration has one owner, and its client is attached there. */
function whyHeldTwice({ replicas, clients, ledger }: World): string | undefined {
  for (const client of clients) {
    for (const { registrationId, status } of client.views()) {
      if (status !== "registered") continue;
      const owners = replicas.filter((replica) => replica.owns(registrationId));
      const [owner] = owners;
      if (owner === undefined || owners.length > 1) {
        return `${registrationId} is owned by ${owners.map(({ name }) => name).join(" and ") || "nobody"}`;
      }
      if (ledger.find(registrationId)?.sessions.get(owner.name)?.isOpen !== true) {
        return `${registrationId} is owned by ${owner.name}, where ${client.name} is not attached`;
      }
    }
  }
  return undefined;
}

/** Replicas that lost their disks list an older process of that id, which the agent saw replaced. */
function isOldListedFor(world: World, agent: SimAgent, key: ServiceKey, held: Endpoint): boolean {
  return world.replicas.some(({ plane }) => {
    const listed = plane?.replica.registry.services.get(key)?.records.get(held.id);
    return listed !== undefined && agent.check?.mayRefuse(listed.endpoint) === true;
  });
}

/** I4: nobody that was answered to be out is anywhere. */
function whyBack(world: World): string | undefined {
  for (const { registrationId, key } of world.ledger.out()) {
    for (const { name, plane } of world.replicas) {
      const records = plane?.replica.registry.services.get(key)?.records.values() ?? [];
      if ([...records].some(({ instance }) => instance.registrationId === registrationId)) {
        return `${name} has ${registrationId}, which was deregistered`;
      }
    }
    for (const agent of world.agents) {
      // It may keep what it could read, below a newer process that it cannot.
      if (agent.isOld) continue;
      const endpoints = agent.plane?.table.entry(key)?.set.endpoints() ?? [];
      const held = endpoints.find((endpoint) => endpoint.registrationId === registrationId);
      if (held !== undefined && !isOldListedFor(world, agent, key, held)) {
        return `${agent.name} still has ${registrationId}, which was deregistered`;
      }
    }
  }
  return undefined;
}
