import type { ControlPlane } from "../../src/apps/control-plane/start.ts";
import { digestsEqual } from "../../src/core/model/digest.ts";
import type { Endpoint } from "../../src/core/model/endpoint.ts";
import { type ServiceKey, serviceKey, splitServiceKey } from "../../src/core/model/names.ts";
import { SERVICE_KEYS, UNREADABLE_WEIGHT } from "./services.ts";
import type { SimAgent } from "./sim-agent.ts";
import type { SimReplica } from "./sim-replica.ts";
import type { World } from "./world.ts";

/** Everything runs and every link passes. */
export function heal(world: World): void {
  world.say("everything is healed");
  world.network.heal();
  for (const replica of world.replicas) {
    replica.disk.isFull = false;
    replica.disk.latencyMs = [0.1, 5];
    replica.process.resume();
    if (replica.plane === undefined) replica.start();
  }
  for (const member of [...world.agents, ...world.clients]) {
    member.process.resume();
    if (member.plane === undefined) member.start();
  }
}

/** What is not yet as it must become after the last fault; `undefined` when all is well. */
export function whyNotConverged(world: World): string | undefined {
  for (const replica of world.replicas) {
    const reason =
      whyClientsAreMissing(world, replica) ??
      world.agents.map((agent) => whyApart(agent, replica)).find((text) => text !== undefined);
    if (reason !== undefined) return reason;
  }
  return whyBack(world);
}

/** I10: who runs is registered by its own session, and who lost its id has been told. */
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

/** I2: an agent holds what the replica serves. */
function whyApart(agent: SimAgent, { plane, name }: SimReplica): string | undefined {
  for (const key of SERVICE_KEYS) {
    const set = agent.plane?.table.entry(key)?.set;
    const served = plane?.replica.registry.services.get(key)?.records;
    if (set === undefined || plane === undefined) return `${agent.name} knows nothing of ${key}`;
    const records = served === undefined ? [] : [...served.values()];
    if (set.heldCount > 0) return `${agent.name} still holds ${set.heldCount} of ${key}`;
    const held = new Map(set.endpoints().map((endpoint) => [endpoint.id, endpoint]));
    for (const { endpoint } of records) {
      const reason = whyDifferent(agent, endpoint, held.get(endpoint.id));
      if (reason !== undefined) return `${agent.name} ${reason} of ${name}`;
      held.delete(endpoint.id);
    }
    const [surplus] = held.values();
    if (surplus !== undefined) return `${agent.name} still has ${surplus.registrationId}`;
    if (records.length > 0 && !isDigestEqual(agent, plane, key)) {
      return `${agent.name} has another digest of ${key}`;
    }
  }
  return undefined;
}

function isDigestEqual({ plane: agent }: SimAgent, plane: ControlPlane, key: ServiceKey): boolean {
  const { namespace, service } = splitServiceKey(key);
  const held = agent?.table.entry(key)?.set.resumeToken()?.digest;
  return held !== undefined && digestsEqual(held, plane.replica.resolve(namespace, service).digest);
}

function whyDifferent(
  agent: SimAgent,
  served: Endpoint,
  held: Endpoint | undefined,
): string | undefined {
  // It keeps what it could read before, or nothing.
  if (agent.isOld && served.weight === UNREADABLE_WEIGHT) return undefined;
  const isRefused = agent.check?.whyNotSelectable(served) !== undefined;
  // It has seen the end of what a replica without its disk let in again, or the drain that was forgotten there.
  if (isRefused && held?.state !== "healthy") return undefined;
  if (isRefused && held?.registrationId !== served.registrationId) return undefined;
  if (held?.registrationId !== served.registrationId) {
    return `has ${held?.registrationId} instead of ${served.registrationId}`;
  }
  if (held.state !== served.state) {
    return `has ${held.registrationId} as ${held.state} instead of ${served.state}`;
  }
  return undefined;
}

/** I4: nobody that was answered to be out is anywhere. */
function whyBack(world: World): string | undefined {
  for (const { registrationId, key } of world.ledger.out()) {
    for (const agent of world.agents) {
      // It may keep what it could read, below a newer process that it cannot.
      if (agent.isOld) continue;
      const endpoints = agent.plane?.table.entry(key)?.set.endpoints() ?? [];
      if (endpoints.some((endpoint) => endpoint.registrationId === registrationId)) {
        return `${agent.name} still has ${registrationId}, which was deregistered`;
      }
    }
  }
  return undefined;
}
