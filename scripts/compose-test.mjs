/**
 * `npm run compose:test`: builds the image, brings docker-compose.yml up under a name and on ports
 * of its own, and looks at it from outside: requests through the agent to both services, a killed
 * container, a drained one, rights of the processes, and a clean end. Uses Docker or Podman,
 * whichever runs, also on another machine. `--keep` leaves it up.
 */
import { ComposeProject, composeEngine, NoEngine } from "./compose-project.mjs";

/** While something is killed or drained, for as long as probes (1 s, 3 times) need to notice, and more. */
const LOAD_MS = 6_000;

let passed = 0;

function ensure(isGood, what, found) {
  if (!isGood) throw new Error(`${what}: ${found}`);
  passed++;
  process.stdout.write(`ok    ${what} (${found})\n`);
}

async function bothServicesAnswer(project) {
  for (const [service, wanted] of [
    ["hello", /^hello from hello-[12]\n/],
    ["files", /agent\.yaml/],
  ]) {
    const { status, body } = await project.request(service);
    ensure(status === 200 && wanted.test(body), `${service} answers through the agent`, status);
  }
}

/** Load on a service while `act` runs; no GET may fail, and both copies must have served before. */
async function withoutAFailedGet(project, what, service, act) {
  const load = project.load(service, LOAD_MS);
  await load.running;
  await act();
  const { requests, failed, firstFailure } = await load.ended;
  ensure(
    requests > 100 && failed === 0,
    what,
    `${requests} GETs, ${failed} failed ${firstFailure}`,
  );
}

async function aKilledCopyIsNotMissed(project) {
  await withoutAFailedGet(project, "a killed nginx costs no GET", "hello", () =>
    project.compose("kill", "-s", "SIGKILL", "hello-2"),
  );
  await withoutAFailedGet(project, "a killed Python server costs no GET", "files", () =>
    project.compose("kill", "-s", "SIGKILL", "files-2"),
  );
  await project.compose("start", "hello-2", "files-2");
  await project.healthyEndpoints("hello", 2);
  await project.healthyEndpoints("files", 2);
  ensure(true, "started again, both serve again", "2 healthy endpoints each");
}

async function aDrainedCopyCanBeStopped(project) {
  await withoutAFailedGet(project, "a copy drained and stopped costs no GET", "hello", async () => {
    const said = await project.compose("exec", "-T", "server", "weir", "drain", "hello", "hello-1");
    ensure(said.includes("SAFE"), "weir drain answers", said.trim().split("\n").at(-1));
    await project.compose("stop", "hello-1");
  });
}

async function processesHaveNoRights(project) {
  for (const service of ["server", "agent"]) {
    const { uid, gid, capabilities, rootWrite, stateWrite } = await project.rightsOf(service);
    ensure(uid > 0 && gid > 0, `${service} is not root`, `user ${uid}, group ${gid}`);
    ensure(/^0+$/.test(capabilities), `${service} has no capabilities`, capabilities);
    ensure(rootWrite === "EROFS", `${service} cannot write its own program`, rootWrite);
    ensure(stateWrite === "ok", `${service} can write its state`, stateWrite);
  }
}

async function publishedOnLoopbackOnly(project) {
  for (const [service, port] of [
    ["server", 7400],
    ["server", 7401],
    ["agent", 15001],
    ["agent", 15000],
  ]) {
    const address = (await project.compose("port", service, String(port))).trim();
    ensure(
      address.startsWith("127.0.0.1:"),
      `${service}'s ${port} is published here only`,
      address,
    );
  }
}

async function programsEndCleanly(project) {
  await project.compose("stop", "agent", "server");
  for (const service of ["agent", "server"]) {
    const code = await project.exitCodeOf(service);
    ensure(code === 0, `${service} ends by itself on SIGTERM`, `exit code ${code}`);
  }
}

async function main() {
  const project = new ComposeProject(composeEngine());
  process.stdout.write(`${project.engineName}; building the image and starting it\n`);
  try {
    await project.up();
    ensure(true, "the image builds, and every container is healthy", project.name);
    await publishedOnLoopbackOnly(project);
    await bothServicesAnswer(project);
    await processesHaveNoRights(project);
    await aKilledCopyIsNotMissed(project);
    await aDrainedCopyCanBeStopped(project);
    await programsEndCleanly(project);
  } catch (error) {
    process.stderr.write(`FAIL  ${error.message}\n${await project.lastLogs()}\n`);
    process.exitCode = 1;
  } finally {
    if (!process.argv.includes("--keep")) await project.down();
  }
  process.stdout.write(`compose: ${passed} passed, ${process.exitCode === 1 ? 1 : 0} failed\n`);
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
