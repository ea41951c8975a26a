import { ANSWER_AGE_MS } from "../../src/apps/control-plane/drain-polls.ts";
import { LOST_AGENT_MS } from "../../src/core/discovery/drain-barrier.ts";
import { MeshError } from "../../src/core/model/mesh-error.ts";
import type { InstanceId, RegistrationId, ServiceKey } from "../../src/core/model/names.ts";
import type { InstanceRecord } from "../../src/core/registry/record.ts";
import type { LeaseKey } from "../../src/core/registry/registry.ts";
import { isOrdinary } from "./agent-check.ts";
import type { Step } from "./plan.ts";
import { UNREADABLE_WEIGHT } from "./services.ts";
import type { SimAgent } from "./sim-agent.ts";
import type { SimReplica } from "./sim-replica.ts";
import type { World } from "./world.ts";

/** An operator's calls. Refusals are ordinary: what was seen a moment ago may be gone. */
function call(replica: SimReplica, work: () => Promise<void>): void {
  replica.process.run(() => {
    work().catch((error: unknown) => {
      if (!(error instanceof MeshError)) throw error;
    });
  });
}

export function drain(world: World, { who, what, durationMs }: Step): void {
  const chosen = choose(world, who, what);
  if (chosen === undefined) return;
  const { replica, lease } = chosen;
  world.say(`operator drains ${lease.registrationId}`);
  call(replica, async () => {
    const plane = replica.plane;
    if (plane === undefined) return;
    const startedMs = world.timeline.nowMs;
    const result = await plane.replica.drain(lease, durationMs, new AbortController().signal);
    world.say(`drain of ${lease.registrationId}: ${result.outcome}`);
    // Taken back meanwhile, at a replica that this one may not hear: the answer speaks of a moment that is over.
    const { undrainedAtMs = 0 } = world.ledger.find(lease.registrationId) ?? {};
    const isOver = replica.plane !== plane || undrainedAtMs >= startedMs;
    if (result.outcome === "safe" && !isOver) checkSafe(world, replica, lease);
  });
}

export function undrain(world: World, { who, what }: Step): void {
  const chosen = choose(world, who, what);
  if (chosen === undefined) return;
  const { replica, lease } = chosen;
  world.say(`operator undrains ${lease.registrationId}`);
  call(replica, async () => {
    const entry = world.ledger.find(lease.registrationId);
    if (entry !== undefined) entry.undrainedAtMs = world.timeline.nowMs;
    await replica.plane?.replica.undrain(lease);
  });
}

export function evict(world: World, { who, what }: Step): void {
  const chosen = choose(world, who, what);
  if (chosen === undefined) return;
  const { replica, lease } = chosen;
  world.say(`operator evicts ${lease.registrationId}`);
  call(replica, async () => {
    const entry = world.ledger.find(lease.registrationId);
    if (replica.plane === undefined || entry === undefined) return;
    entry.isEvicted = true;
    await replica.plane.replica.evict(lease);
    world.ledger.answeredOut(lease.registrationId, replica.name);
  });
}

/** SAFE says that the process may be killed: no agent that counts may send it anything any more. */
function checkSafe(world: World, asked: SimReplica, lease: LeaseKey): void {
  const record = asked.plane?.replica.registry.find(lease);
  // Undrained or gone meanwhile: the answer speaks of a moment that is over.
  if (record?.isDraining !== true || isUndrained(world, record, lease)) return;
  const replicas = world.replicas.filter((replica) => isCounted(asked, replica));
  for (const agent of world.agents) {
    const entry = agent.plane?.table.entry(lease.service);
    const its = replicas.filter((replica) => replica.countedAgents(lease.service).has(agent.name));
    if (entry === undefined || its.length === 0) continue;
    if (isJustBack(world, asked, agent, lease.service)) continue;
    const { upstream } = entry;
    // What it acknowledged before it crashed need not be in its file: known until it is heard again.
    if (entry.origin !== "live") continue;
    if (!its.every((replica) => canUseOthers(replica, agent, lease))) continue;
    // Each replica spoke for a moment of its own: since then the others may have left.
    if (world.replicas.length > 1 && !its.every((replica) => hasOthers(replica, lease))) continue;
    // Or they left, and word of those who came instead is on its way to the agent.
    const isAlone = !entry.set.endpoints().some(isOrdinary);
    if (isAlone && !its.includes(asked)) continue;
    const isPicked = upstream.candidates.some(({ endpoint }) => isOf(endpoint, lease));
    if (isPicked) {
      world.violate(`drain of ${lease.registrationId} is SAFE and ${agent.name} still picks it`);
    }
    const inFlight = upstream.inFlightOf(lease.instanceId, lease.registrationId);
    if (inFlight > 0) {
      world.violate(
        `drain of ${lease.registrationId} is SAFE and ${agent.name} has ${inFlight} requests there`,
      );
    }
  }
}

/** Somebody asked another replica meanwhile, and word of it is still on its way to the one that was asked. */
function isUndrained(world: World, { operatorRevision }: InstanceRecord, lease: LeaseKey): boolean {
  return world.replicas.some(({ plane }) => {
    const known = plane?.replica.registry.find(lease);
    return known?.isDraining === false && known.operatorRevision > operatorRevision;
  });
}

/** After so long away that nobody counted it any more it came to another one, which was asked before that. */
function isJustBack(world: World, asked: SimReplica, agent: SimAgent, key: ServiceKey): boolean {
  if (asked.countedAgents(key).has(agent.name)) return false;
  return world.replicas.every((replica) => {
    const sinceMs = replica.countedAgents(key).get(agent.name) ?? world.timeline.nowMs;
    return world.timeline.nowMs - sinceMs < ANSWER_AGE_MS;
  });
}

/** Whoever was silent for so long is taken for gone, with all that was connected to it. */
function isCounted(asked: SimReplica, { name, plane }: SimReplica): boolean {
  if (plane === undefined) return false;
  if (name === asked.name) return true;
  const member = asked.plane?.admin.cluster()?.members.find(({ id }) => id === name);
  return member !== undefined && member.silentMs < LOST_AGENT_MS;
}

/**
 * False for an agent that cannot use everybody whom the replica counts on: it cannot read an endpoint,
 * or has seen the end of one that a replica without its disk let in again. It sends to the one that
 * it has, drained or not.
 */
function canUseOthers({ plane }: SimReplica, agent: SimAgent, lease: LeaseKey): boolean {
  const records = plane?.replica.registry.services.get(lease.service)?.records.values() ?? [];
  return [...records].every(
    ({ endpoint }) =>
      isOf(endpoint, lease) ||
      !isOrdinary(endpoint) ||
      (!(agent.isOld && endpoint.weight === UNREADABLE_WEIGHT) &&
        agent.check?.mayRefuse(endpoint) !== true),
  );
}

function hasOthers({ plane }: SimReplica, lease: LeaseKey): boolean {
  const records = plane?.replica.registry.services.get(lease.service)?.records.values() ?? [];
  return [...records].some(({ endpoint }) => !isOf(endpoint, lease) && isOrdinary(endpoint));
}

function isOf(endpoint: { registrationId: string }, { registrationId }: LeaseKey): boolean {
  return endpoint.registrationId === registrationId;
}

function choose(
  { replicas }: World,
  who: number,
  what: number,
): { replica: SimReplica; lease: LeaseKey } | undefined {
  const replica = replicas[who % replicas.length];
  if (replica?.plane === undefined) return undefined;
  const records: { key: ServiceKey; record: InstanceRecord }[] = [];
  for (const { key, records: held } of replica.plane.replica.registry.services.values()) {
    for (const record of held.values()) records.push({ key, record });
  }
  const chosen = records[what % Math.max(1, records.length)];
  if (chosen === undefined) return undefined;
  const { id, registrationId } = chosen.record.instance;
  return {
    replica,
    lease: {
      service: chosen.key,
      instanceId: id as InstanceId,
      registrationId: registrationId as RegistrationId,
    },
  };
}
