import type { ControlPlane } from "../../src/apps/control-plane/start.ts";
import { digestsEqual } from "../../src/core/model/digest.ts";
import type { Endpoint } from "../../src/core/model/endpoint.ts";
import { type ServiceKey, splitServiceKey } from "../../src/core/model/names.ts";
import type { Ledger } from "./ledger.ts";
import { SERVICE_KEYS, UNREADABLE_WEIGHT } from "./services.ts";
import type { SimAgent } from "./sim-agent.ts";
import type { SimReplica } from "./sim-replica.ts";

/** I2: an agent holds what the replica serves. */
export function whyApart(
  agent: SimAgent,
  { plane, name }: SimReplica,
  ledger: Ledger,
): string | undefined {
  for (const key of SERVICE_KEYS) {
    const set = agent.plane?.table.entry(key)?.set;
    const served = plane?.replica.registry.services.get(key)?.records;
    if (set === undefined || plane === undefined) return `${agent.name} knows nothing of ${key}`;
    const records = served === undefined ? [] : [...served.values()];
    if (set.heldCount > 0) return `${agent.name} still holds ${set.heldCount} of ${key}`;
    const held = new Map(set.endpoints().map((endpoint) => [endpoint.id, endpoint]));
    let isOver = false;
    for (const { endpoint } of records) {
      // An older process of the id, which a replica without its disk let in again: it is over, and the agent knows.
      const its = held.get(endpoint.id)?.registrationId;
      if (its !== endpoint.registrationId && !isRunning(ledger, endpoint)) {
        isOver = true;
        held.delete(endpoint.id);
        continue;
      }
      // An operator evicted it, and the replica that was asked lost its disk before it told the others.
      const isEvicted = ledger.find(endpoint.registrationId)?.isEvicted === true;
      if (isEvicted && its === undefined) {
        isOver = true;
        continue;
      }
      const reason = whyDifferent(agent, endpoint, held.get(endpoint.id));
      if (reason !== undefined) return `${agent.name} ${reason} of ${name}`;
      held.delete(endpoint.id);
    }
    const [surplus] = held.values();
    if (surplus !== undefined) return `${agent.name} still has ${surplus.registrationId}`;
    if (records.length > 0 && !isOver && !isDigestEqual(agent, plane, key)) {
      return `${agent.name} has another digest of ${key}`;
    }
  }
  return undefined;
}

function isRunning(ledger: Ledger, { registrationId }: Endpoint): boolean {
  const entry = ledger.find(registrationId);
  // One of two that claimed an id may not have been told yet that it lost it.
  return entry?.isRunning() === true && !ledger.hasRival(entry);
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
