import { setTimeout as delay } from "node:timers/promises";
import {
  DrainOutcome,
  type DrainResponse,
  type PendingAgent,
  PendingReason,
} from "../../src/gen/weir/v1/registry.ts";
import { Load } from "../support/load.ts";
import type { Nginx } from "../support/nginx.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { TcpRelay } from "../support/tcp-relay.ts";
import { type Agent, retriesOf, startAgent } from "./agents.ts";
import { type Cluster, type Replica, startCluster, waitUntilAllSettled } from "./cluster.ts";
import { answer } from "./control-plane.ts";
import { Keeper } from "./keeper.ts";
import {
  BODY_BYTES,
  failureLines,
  HOST,
  POST_SHARE,
  type Run,
  rateShortfall,
  runOf,
  type Scale,
  SERVICE,
  SLOW_SHARE,
} from "./scale.ts";
import { waitUntilServed } from "./served.ts";
import { Stage } from "./stage.ts";

/** Long enough for every agent that can to let go: who is named then holds the drain up. */
const HELD_SECONDS = 3n;

/** Longer than agents of a replica that died count. */
const PATIENT_SECONDS = 60n;

/** How long a frozen agent sleeps on while its drain waits. */
const STILL_FROZEN_MS = 500;

/** By then all replicas have heard that all are settled, and send nobody from one to another any more. */
const REBALANCED_MS = 2_500;

/** What is broken while an instance is replaced. */
type Situation = "calm" | "frozen" | "reconnecting" | "replica dies";

/** A loaded agent, and the way to the replica that it was given. */
interface RelayedAgent {
  readonly agent: Agent;
  readonly relay: TcpRelay;
}

interface Tally {
  drains: number;
  /** DEADLINE answers that named who holds the drain up, of those that should. */
  named: number;
  held: number;
  calmMsMax: number;
  agentCountMin: number;
  readonly shortfalls: string[];
}

interface Setting {
  readonly stage: Stage;
  readonly cluster: Cluster;
  /** Replicas that answer. */
  readonly live: Replica[];
  readonly random: () => number;
  readonly keeper: Keeper;
  readonly load: Load;
  /** Those under load, one at each replica. */
  readonly relayed: readonly RelayedAgent[];
  /** One that gets no requests, so that it can sleep. */
  readonly sleeper: Agent;
  readonly tally: Tally;
}

/**
 * Replaces instances under load, without retries, through drains at any of three replicas, while an
 * agent sleeps, an agent loses its replica, or a replica dies. Who holds a drain up has to be named,
 * and each instance is killed the instant that its drain is SAFE. No request may fail.
 */
export function drain(scale: Scale, say: (line: string) => void): Promise<Run> {
  return Stage.run(say, async (stage) => {
    const cluster = await startCluster(stage, { settleAfter: scale.settleAfter });
    await waitUntilAllSettled(cluster.replicas);
    await delay(REBALANCED_MS);
    stage.note("three replicas are settled");
    const setting = await populate(stage, cluster, scale);
    const olds: Nginx[] = [];
    for (let number = 1; number <= scale.instances; number++) {
      const nginx = await stage.nginx({ name: `old-${number}` });
      await setting.keeper.register(nginx);
      olds.push(nginx);
    }
    const agents = setting.relayed.map(({ agent }) => agent);
    await waitUntilServed(setting.load, agents, [olds[0]?.name ?? ""]);
    stage.note(`${agents.length} agents are under load`);
    for (const [i, old] of olds.entries()) await replace(setting, old, situationOf(i, scale));
    return summarise(setting, scale);
  });
}

function situationOf(i: number, { instances, replicaDies }: Scale): Situation {
  if (replicaDies && i === instances - 1) return "replica dies";
  return (["calm", "frozen", "reconnecting"] as const)[i % 3] ?? "calm";
}

async function populate(stage: Stage, cluster: Cluster, scale: Scale): Promise<Setting> {
  const live = [...cluster.replicas];
  const random = seededRandom(7);
  const plane = {
    // Each call goes to any replica, as behind a load balancer: also renewals of what another one keeps.
    get registry() {
      return anyOf(live, random).registry;
    },
  };
  const keeper = new Keeper(stage, plane, SERVICE);
  const config = { subscribe: [SERVICE], retries: { attempts: 0 } };
  const relayed: RelayedAgent[] = [];
  for (const [i, { address }] of cluster.replicas.entries()) {
    const relay = await TcpRelay.start(Number(address.split(":").at(-1)));
    stage.onClose(() => relay.stop().catch(() => undefined));
    const controlPlane = `127.0.0.1:${relay.port}`;
    relayed.push({
      relay,
      agent: await startAgent(stage, { id: `agent-${i + 1}`, controlPlane, config }),
    });
  }
  const controlPlane = anyOf(live, random).address;
  const sleeper = await startAgent(stage, { id: "sleeper", controlPlane, config });
  const load = new Load({
    targets: relayed.map(({ agent }) => ({ name: agent.id, origin: agent.origin })),
    requestsPerSecond: scale.requestsPerSecond,
    postShare: POST_SHARE,
    slowShare: SLOW_SHARE,
    bodyBytes: BODY_BYTES,
    host: HOST,
  });
  stage.onClose(() => load.stop() as undefined);
  const tally: Tally = {
    ...{ drains: 0, named: 0, held: 0, calmMsMax: 0 },
    ...{ agentCountMin: Number.POSITIVE_INFINITY, shortfalls: [] },
  };
  return { stage, cluster, live, random, keeper, load, relayed, sleeper, tally };
}

async function replace(setting: Setting, old: Nginx, situation: Situation): Promise<void> {
  const { stage, keeper, load, relayed } = setting;
  const replacement = await stage.nginx({ name: old.name.replace("old", "new") });
  await keeper.register(replacement);
  const agents = relayed.map(({ agent }) => agent);
  await waitUntilServed(load, agents, [replacement.name]);
  if (situation === "frozen") await whileFrozen(setting, old);
  else if (situation === "reconnecting") await whileReconnecting(setting, old);
  else if (situation === "replica dies") await whileReplicaDies(setting, old);
  else {
    const waitedMs = await safe(setting, old, situation);
    setting.tally.calmMsMax = Math.max(setting.tally.calmMsMax, waitedMs);
  }
  await keeper.deregister(old);
}

/** An agent that hears nothing may send by what it last knew, should it wake up. */
async function whileFrozen(setting: Setting, old: Nginx): Promise<void> {
  const program = setting.sleeper.program();
  program.signal("SIGSTOP");
  try {
    await held(setting, old, setting.sleeper.id, [PendingReason.PENDING_REASON_NOT_ACKNOWLEDGED]);
    const answered = safe(setting, old, "frozen");
    await delay(STILL_FROZEN_MS);
    program.signal("SIGCONT");
    await answered;
  } finally {
    program.signal("SIGCONT");
  }
}

/** The network to its replica fails without a word; then the connection breaks, and it goes to another one. */
async function whileReconnecting(setting: Setting, old: Nginx): Promise<void> {
  const next = setting.relayed.find(({ agent }) => !broken.has(agent));
  if (next === undefined) {
    await safe(setting, old, "calm");
    return;
  }
  broken.add(next.agent);
  next.relay.cut();
  await held(setting, old, next.agent.id, [
    PendingReason.PENDING_REASON_NOT_ACKNOWLEDGED,
    PendingReason.PENDING_REASON_DISCONNECTED,
  ]);
  const answered = safe(setting, old, "reconnecting");
  await next.relay.stop();
  await answered;
}

/** Agents whose way to the replica that they were given is gone. */
const broken = new WeakSet<Agent>();

/** Who was connected to it is connected elsewhere soon, but nobody can say who that was. */
async function whileReplicaDies(setting: Setting, old: Nginx): Promise<void> {
  const { live, random } = setting;
  const victim = anyOf(live, random);
  live.splice(live.indexOf(victim), 1);
  await victim.kill();
  await held(setting, old, victim.id, [PendingReason.PENDING_REASON_REPLICA_UNREACHABLE]);
  await safe(setting, old, "replica dies");
}

/** A drain that cannot be safe, because of `holder`. */
async function held(
  { stage, live, random, tally }: Setting,
  old: Nginx,
  holder: string,
  reasons: readonly PendingReason[],
): Promise<void> {
  const replica = anyOf(live, random);
  const { outcome, pending } = await ask(replica, old, HELD_SECONDS);
  const isNamed = pending.some(
    ({ agentId, reason }) => agentId === holder && reasons.includes(reason),
  );
  tally.held++;
  if (outcome === DrainOutcome.DRAIN_OUTCOME_DEADLINE && isNamed) tally.named++;
  else tally.shortfalls.push(`${old.name}: ${holder} holds it up; named were ${namesOf(pending)}`);
  stage.note(`${old.name}: ${replica.id} waits for ${namesOf(pending)}`);
}

/** Kills on the answer itself: that is the earliest that a script could. @returns how long the server waited */
async function safe(
  { stage, live, random, tally }: Setting,
  old: Nginx,
  situation: Situation,
): Promise<number> {
  const replica = anyOf(live, random);
  const { outcome, pending, waited, agentCount } = await ask(replica, old, PATIENT_SECONDS);
  if (outcome !== DrainOutcome.DRAIN_OUTCOME_SAFE) {
    throw new Error(`${old.name} (${situation}): not SAFE; pending: ${namesOf(pending)}`);
  }
  await old.kill();
  tally.drains++;
  tally.agentCountMin = Math.min(tally.agentCountMin, agentCount);
  const waitedMs = Number(waited?.seconds ?? 0n) * 1_000 + (waited?.nanos ?? 0) / 1e6;
  stage.note(
    `${old.name} (${situation}): ${replica.id} says SAFE after ${waitedMs.toFixed(0)} ms, ${agentCount} agents; killed`,
  );
  return waitedMs;
}

function ask({ registry }: Replica, { name }: Nginx, seconds: bigint): Promise<DrainResponse> {
  const lease = { namespace: "default", service: SERVICE, instanceId: name, registrationId: "" };
  const deadline = { seconds, nanos: 0 };
  return answer((callback) => registry.drain({ lease, deadline }, callback));
}

function namesOf(pending: readonly PendingAgent[]): string {
  return pending.map(({ agentId, detail }) => `${agentId} (${detail})`).join(", ") || "nobody";
}

function anyOf(replicas: readonly Replica[], random: () => number): Replica {
  const replica = replicas[Math.floor(random() * replicas.length)];
  if (replica === undefined) throw new Error("no replica is left");
  return replica;
}

async function summarise({ load, relayed, tally }: Setting, scale: Scale): Promise<Run> {
  const agents = relayed.map(({ agent }) => agent);
  const retries = await retriesOf(agents);
  const report = await load.finish();
  const figures = {
    requests: report.requests,
    failed: report.failed,
    pending_named: tally.named,
    pending_expected: tally.held,
    drains: tally.drains,
    agents_counted_min: tally.agentCountMin,
    calm_wait_ms_max: Math.round(tally.calmMsMax),
    retries,
    requests_per_second: Math.round(report.requests / report.seconds),
    latency_ms_p99: report.latencyMs.p99,
  };
  const everybody = agents.length + 1;
  const shortfalls = [
    ...failureLines(report),
    ...rateShortfall(report, scale.requestsPerSecond * 0.9),
    ...tally.shortfalls,
    ...(tally.agentCountMin >= everybody
      ? []
      : [`a drain counted ${tally.agentCountMin} of ${everybody} agents`]),
    ...(retries === 0 ? [] : [`${retries} retries, although they are switched off`]),
  ];
  return runOf("drain", figures, shortfalls);
}
