/** Faults of docker-compose.yml, one after the other, and what must hold through each and after it. */
import { AGENTS, NATS, REPLICAS, SERVICES } from "./compose-project.mjs";

/** How long the killed stay away: long enough for every stream to have moved. */
const KILLED_MS = 6_000;

/** Beyond the 15 s after which a silent replica counts as dead, and a silent NATS server as gone. */
const SILENT_MS = 20_000;

/**
 * A frozen HTTP server answers nothing: whoever asked it waits. Shorter than the 15 s that a request may
 * take, so that what was asked before the probes noticed is answered late, and not failed.
 */
const FROZEN_SERVICE_MS = 8_000;

/** Whoever is back starts, is probed twice, and its records travel. */
const AGREED_WITHIN_MS = 60_000;

const INSTANCES = SERVICES.length * AGENTS.length;

const kill = (project, victim) => project.kill(victim);
const start = (project, victim) => project.start(victim);
const pause = (project, victim) => project.pause(victim);
const unpause = (project, victim) => project.unpause(victim);
const disconnect = (project, victim) => project.disconnect(victim);
const connect = (project, victim) => project.connect(victim);

/** `through`: the agents whose requests must all succeed; one that is cut off itself reaches nobody. */
export const FAULTS = [
  { what: "a NATS server is killed", victim: "nats-1", hurt: kill, heal: start, ms: KILLED_MS },
  { what: "a NATS server freezes", victim: "nats-2", hurt: pause, heal: unpause, ms: SILENT_MS },
  {
    what: "a NATS server is cut off",
    victim: "nats-3",
    hurt: disconnect,
    heal: connect,
    ms: SILENT_MS,
  },
  { what: "a replica is killed", victim: "server-1", hurt: kill, heal: start, ms: KILLED_MS },
  { what: "a replica freezes", victim: "server-2", hurt: pause, heal: unpause, ms: SILENT_MS },
  {
    what: "a replica is cut off",
    victim: "server-3",
    hurt: disconnect,
    heal: connect,
    ms: SILENT_MS,
  },
  {
    what: "an agent is killed",
    victim: "agent-1",
    hurt: kill,
    heal: start,
    ms: KILLED_MS,
    through: ["agent-2"],
  },
  {
    what: "an agent freezes",
    victim: "agent-2",
    hurt: pause,
    heal: unpause,
    ms: SILENT_MS,
    through: ["agent-1"],
  },
  {
    what: "an agent is cut off",
    victim: "agent-1",
    hurt: disconnect,
    heal: connect,
    ms: SILENT_MS,
    through: ["agent-2"],
  },
  { what: "a service's copy is killed", victim: "hello-2", hurt: kill, heal: start, ms: KILLED_MS },
  {
    what: "a service's copy freezes",
    victim: "files-1",
    hurt: pause,
    heal: unpause,
    ms: FROZEN_SERVICE_MS,
  },
  {
    what: "a service's copy is cut off",
    victim: "echo-2",
    hurt: disconnect,
    heal: connect,
    ms: FROZEN_SERVICE_MS,
  },
];

const pauseFor = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs all faults under load. @param said is called with each thing that held or did not. */
export async function runFaults(project, said) {
  const figures = { requests: 0, failed: 0, slowest_ms: 0, converge_ms_max: 0 };
  for (const fault of FAULTS) {
    const { what, victim, hurt, heal, ms, through = AGENTS } = fault;
    const loads = await Promise.all(through.map((agent) => project.load(agent)));
    await hurt(project, victim);
    await pauseFor(ms);
    await heal(project, victim);
    const healedAtMs = performance.now();
    const after = await agreement(project);
    const convergeMs = Math.round(performance.now() - healedAtMs);
    const seen = await Promise.all(loads.map((load) => load.stop()));
    const total = sumOf(seen);
    figures.requests += total.requests;
    figures.failed += total.failed;
    figures.slowest_ms = Math.max(figures.slowest_ms, total.slowestMs);
    figures.converge_ms_max = Math.max(figures.converge_ms_max, convergeMs);
    const why = total.failed === 0 ? "" : `, first ${total.firstFailure}`;
    const counts = `${total.requests} GETs, ${total.failed} failed${why}, slowest ${total.slowestMs} ms`;
    said(total.requests > 50 && total.failed === 0, `${what} (${victim}): no GET fails`, counts);
    said(after === "", `${what}: all agree after it`, after || `${convergeMs} ms after the heal`);
  }
  return figures;
}

/**
 * Waits until all replicas serve the same records, every instance among them and none draining, and
 * both agents pick from just those.
 * @returns `""`, or what they disagree about when the time is over.
 */
export async function agreement(project) {
  const endAtMs = performance.now() + AGREED_WITHIN_MS;
  for (;;) {
    const difference = await differenceNow(project).catch((error) => error.message);
    if (difference === "" || performance.now() > endAtMs) return difference;
    await pauseFor(200);
  }
}

async function differenceNow(project) {
  const [first, ...others] = await Promise.all(REPLICAS.map((one) => project.recordsAt(one)));
  for (const [at, records] of others.entries()) {
    const difference = unlike(first, records);
    if (difference !== "") return `server-1 and ${REPLICAS[at + 1]} differ: ${difference}`;
  }
  const serving = first.filter((line) => line.endsWith(" healthy serving"));
  if (first.length !== INSTANCES || serving.length !== INSTANCES) {
    return `${serving.length} of ${first.length} records serve, not ${INSTANCES}: ${first.join("; ")}`;
  }
  const wanted = serving.map((line) => line.replace(" healthy serving", ""));
  for (const replica of REPLICAS) {
    const trouble = troubleOf(await project.membersAt(replica));
    if (trouble !== "") return `weir members at ${replica}: ${trouble}`;
  }
  for (const agent of AGENTS) {
    const difference = unlike(wanted, (await project.viewOf(agent)).picked);
    if (difference !== "") return `${agent} and the replicas differ: ${difference}`;
  }
  return "";
}

/** @returns `""` when a replica finds that all live, and hold what it holds. */
function troubleOf({ isSynced, members }) {
  if (!isSynced) return "not in sync";
  if (members.length !== REPLICAS.length) return `${members.length} members`;
  const odd = members.filter(({ isSelf, state, digest }) =>
    isSelf ? false : state !== "ALIVE" || digest !== "agrees",
  );
  return odd.map(({ id, state, digest }) => `${id} is ${state}, its digest ${digest}`).join("; ");
}

function unlike(wanted, found) {
  const missing = wanted.filter((line) => !found.includes(line));
  const extra = found.filter((line) => !wanted.includes(line));
  return [...missing.map((line) => `-${line}`), ...extra.map((line) => `+${line}`)].join("; ");
}

function sumOf(seen) {
  return {
    requests: seen.reduce((sum, { requests }) => sum + requests, 0),
    failed: seen.reduce((sum, { failed }) => sum + failed, 0),
    slowestMs: Math.max(...seen.map(({ slowestMs }) => slowestMs)),
    firstFailure: seen.map(({ firstFailure }) => firstFailure).find((text) => text !== "") ?? "",
  };
}

/**
 * A policy that is applied at one replica while a NATS server is down, and what becomes of it; and
 * without a majority of the NATS servers, where nothing is written and all is served.
 */
export async function runPolicies(project, said) {
  const apply = (replica, balancing) =>
    project.weir(
      replica,
      ["policy", "apply", "-f", "/dev/stdin"],
      `service: hello\nbalancing: ${balancing}\n`,
    );
  await retried(() => apply("server-1", "round_robin"));
  said(
    await rules(project, "round_robin"),
    "a policy applied at one replica rules at all",
    "round_robin",
  );
  await project.kill("nats-1");
  await retried(() => apply("server-3", "peak_ewma"));
  said(
    await rules(project, "peak_ewma"),
    "with one NATS server killed policies still change",
    "peak_ewma",
  );
  const loads = await Promise.all(AGENTS.map((agent) => project.load(agent)));
  await project.kill("nats-2");
  await pauseFor(KILLED_MS);
  const refused = await apply("server-2", "random").then(
    () => "it was accepted",
    (error) => (/did not confirm|cannot be changed/.test(error.message) ? "" : error.message),
  );
  said(
    refused === "",
    "without a majority of the NATS servers no policy changes",
    refused || "refused",
  );
  said(await rules(project, "peak_ewma"), "and the former one rules on", "peak_ewma");
  await project.kill("nats-3");
  await pauseFor(KILLED_MS);
  await project.start(...NATS);
  const after = await agreement(project);
  const total = sumOf(await Promise.all(loads.map((load) => load.stop())));
  const counts = `${total.requests} GETs, ${total.failed} failed ${total.firstFailure}`;
  said(total.failed === 0, "with all NATS servers down no GET fails", counts);
  said(after === "", "all agree after it", after || "yes");
  said(
    await rules(project, "peak_ewma"),
    "policies survive the restart of all NATS servers",
    "peak_ewma",
  );
  await retried(() => apply("server-2", "least_request"));
  said(await rules(project, "least_request"), "and can be changed again", "least_request");
}

/** An election takes a second or two. */
async function retried(act) {
  const endAtMs = performance.now() + AGREED_WITHIN_MS;
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (performance.now() > endAtMs) throw error;
      await pauseFor(500);
    }
  }
}

/** Whether each replica tells the policy, and each agent follows it, within a while. */
async function rules(project, balancing) {
  const endAtMs = performance.now() + AGREED_WITHIN_MS;
  const holds = async () => {
    const told = await Promise.all(
      REPLICAS.map((one) => project.weir(one, ["policy", "get", "hello", "-o", "json"])),
    );
    const followed = await Promise.all(AGENTS.map((agent) => project.viewOf(agent)));
    return (
      told.every((text) => text.includes(`"${balancing}"`)) &&
      followed.every(({ policies }) => policies["default/hello"] === balancing)
    );
  };
  while (performance.now() < endAtMs) {
    if (await holds().catch(() => false)) return true;
    await pauseFor(200);
  }
  return false;
}
