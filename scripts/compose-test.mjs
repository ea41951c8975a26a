/**
 * `npm run compose:test`: builds the images, brings docker-compose.yml up under a name and on ports of
 * its own, and looks at it from outside: requests through both agents to all services, rights of the
 * processes, drains at every replica, policies, every kind of fault under load, and a clean end.
 * Uses Docker or Podman, whichever runs, also on another machine. `--keep` leaves it up; `--json`
 * ends with one line of figures; `--only drains,policies,faults` does some of it.
 */
import { availableParallelism } from "node:os";
import { agreement, runFaults, runPolicies } from "./compose-faults.mjs";
import {
  AGENTS,
  ComposeProject,
  composeEngine,
  NATS,
  NoEngine,
  REPLICAS,
} from "./compose-project.mjs";

const only = process.argv[process.argv.indexOf("--only") + 1] ?? "";
const isWanted = (part) => !process.argv.includes("--only") || only.split(",").includes(part);

const counts = { passed: 0, failed: 0 };

/** What is said goes on: one fault that is not survived shall not hide the others. */
function said(isGood, what, found) {
  counts[isGood ? "passed" : "failed"]++;
  process.stdout.write(`${isGood ? "ok   " : "FAIL "} ${what} (${found})\n`);
}

async function allServicesAnswer(project) {
  for (const agent of AGENTS) {
    for (const [service, wanted] of [
      ["hello", /^hello from hello-[12]\n/],
      ["files", /agent-1\.yaml/],
      ["echo", /"copy":"echo-[12]"/],
    ]) {
      const { status, body } = await project.request(agent, service);
      said(status === 200 && wanted.test(body), `${service} answers through ${agent}`, status);
    }
  }
}

async function publishedOnLoopbackOnly(project) {
  const servers = REPLICAS.flatMap((name) => [
    [name, 7400],
    [name, 7401],
  ]);
  const agents = AGENTS.flatMap((name) => [
    [name, 15001],
    [name, 15000],
  ]);
  const open = [];
  for (const [service, port] of [...servers, ...agents]) {
    const address = (await project.compose("port", service, String(port))).trim();
    if (!address.startsWith("127.0.0.1:")) open.push(`${service} ${address}`);
  }
  said(
    open.length === 0,
    "ports are published on this machine only",
    open.join(", ") || "loopback",
  );
}

async function processesHaveNoRights(project) {
  for (const service of ["server-1", "agent-1"]) {
    const { uid, gid, capabilities, rootWrite, stateWrite } = await project.rightsOf(service);
    said(uid > 0 && gid > 0, `${service} is not root`, `user ${uid}, group ${gid}`);
    said(/^0+$/.test(capabilities), `${service} has no capabilities`, capabilities);
    said(rootWrite === "EROFS", `${service} cannot write its own program`, rootWrite);
    said(stateWrite === "ok", `${service} can write its state`, stateWrite);
  }
  const found = await project.compose("exec", "-T", NATS[0], "cat", "/proc/1/status");
  const uid = /^Uid:\s+(\d+)/m.exec(found)?.[1];
  const capabilities = /^CapEff:\s+(\w+)/m.exec(found)?.[1];
  said(
    uid === "1000" && /^0+$/.test(capabilities),
    "NATS servers are not root and have no capabilities",
    `user ${uid}`,
  );
}

async function drainsAtEveryReplica(project) {
  const [agent] = AGENTS;
  for (const replica of REPLICAS) {
    const load = await project.load(agent);
    const answer = await project
      .weir(replica, ["drain", "hello", "hello-1"])
      .catch(({ message }) => message);
    const line = answer.trim().split("\n").at(-1);
    said(/\bSAFE\b/.test(answer), `a drain asked at ${replica} ends SAFE`, line);
    if (replica === REPLICAS[0]) {
      await project.compose("stop", "hello-1");
      await project.compose("start", "hello-1");
    }
    const next = REPLICAS[(REPLICAS.indexOf(replica) + 1) % REPLICAS.length];
    await project.weir(next, ["undrain", "hello", "hello-1"]);
    const after = await agreement(project);
    const { requests, failed, firstFailure } = await load.stop();
    said(failed === 0, "and costs no GET", `${requests} GETs, ${failed} failed ${firstFailure}`);
    said(after === "", `and is undone at ${next}, for all`, after || "all agree");
  }
}

/** After all that: NATS, its policies and every replica included. */
async function checkFindsNothing(project) {
  for (const replica of REPLICAS) {
    const answer = await project
      .weir(replica, ["check", "--wait", "60s"])
      .then((text) => ({ isWell: true, text }))
      .catch(({ message }) => ({ isWell: false, text: message }));
    const errors = answer.text.split("\n").filter((line) => line.startsWith("ERROR"));
    said(answer.isWell, `weir check at ${replica} finds no error`, errors.join("; ") || "none");
  }
}

async function programsEndCleanly(project) {
  await project.compose("stop", ...AGENTS, ...REPLICAS);
  for (const service of [...AGENTS, ...REPLICAS]) {
    const code = await project.exitCodeOf(service);
    said(code === 0, `${service} ends by itself on SIGTERM`, `exit code ${code}`);
  }
}

async function main() {
  const project = new ComposeProject(composeEngine());
  process.stdout.write(`${project.engineName}; building the images and starting them\n`);
  let figures = {};
  try {
    await project.up();
    said(true, "the images build, and every container is healthy", project.name);
    await publishedOnLoopbackOnly(project);
    const disagreement = await agreement(project);
    said(disagreement === "", "all replicas and agents agree", disagreement || "six instances");
    await allServicesAnswer(project);
    await processesHaveNoRights(project);
    if (isWanted("drains")) await drainsAtEveryReplica(project);
    if (isWanted("policies")) await runPolicies(project, said);
    if (isWanted("faults")) figures = await runFaults(project, said);
    await checkFindsNothing(project);
    await programsEndCleanly(project);
  } catch (error) {
    said(false, "the test ran to its end", error.message);
  }
  if (counts.failed > 0) {
    process.exitCode = 1;
    process.stderr.write(`${await project.lastLogs()}\n`);
  }
  if (!process.argv.includes("--keep")) await project.down();
  process.stdout.write(`compose: ${counts.passed} passed, ${counts.failed} failed\n`);
  if (process.argv.includes("--json")) {
    const cores = availableParallelism();
    const all = { checks: counts.passed + counts.failed, checks_failed: counts.failed, ...figures };
    process.stdout.write(
      `${JSON.stringify({ name: "compose", cores, figures: all, peers: {} })}\n`,
    );
  }
}

try {
  await main();
} catch (error) {
  // Without an engine this is the whole answer: no stack trace.
  process.stderr.write(
    `compose:test: ${error instanceof NoEngine ? error.message : error.stack}\n`,
  );
  process.exitCode = 1;
}
