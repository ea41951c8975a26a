/** docker-compose.yml under a name of its own, and questions to what runs in it. */
import { spawn, spawnSync } from "node:child_process";
import { root } from "./run-step.mjs";

/** Building pulls two images and installs packages. */
const UP_TIMEOUT_S = 300;

/** An endpoint comes back after two good probes, a second apart. */
const HEALTHY_TIMEOUT_MS = 30_000;

/** Nothing can be tested on this machine; the message says what is missing. */
export class NoEngine extends Error {}

const ENGINES = [
  { name: "Docker", info: ["docker", "info"], compose: ["docker", "compose"] },
  { name: "Docker", info: ["docker", "info"], compose: ["docker-compose"] },
  { name: "Podman", info: ["podman", "info"], compose: ["podman", "compose"] },
];

/** The first engine that runs and has compose. @throws NoEngine */
export function composeEngine() {
  const engine = ENGINES.find(
    ({ info, compose }) => answers(info) && answers([...compose, "version"]),
  );
  if (engine !== undefined) return engine;
  const missing = ENGINES.map(({ info, compose }) => {
    const what = answers(info) ? [...compose, "version"] : info;
    return `\`${what.join(" ")}\` fails`;
  });
  throw new NoEngine(
    `needs a container engine with compose, and ${[...new Set(missing)].join(", ")}. Install Docker ` +
      "with its compose plugin, or Podman with podman-compose, start it, and try again.",
  );
}

function answers([command, ...args]) {
  // `docker info` exits 0 also when it found no engine; what it says of the server then is an error.
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  return status === 0 && !/^ERROR:|Cannot connect/m.test(`${stdout}${stderr}`);
}

/** Runs inside the agent's container: GETs one after the other, until the time is over. */
const LOAD = `
  const { Agent, get } = require("node:http");
  const [service, ms] = process.argv.slice(1);
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const seen = { requests: 0, failed: 0, firstFailure: "" };
  const one = () => new Promise((resolve) => {
    const fail = (why) => { seen.failed++; seen.firstFailure ||= why; resolve(); };
    const options = { host: "127.0.0.1", port: 15001, agent, headers: { host: service + ".weir" } };
    const call = get(options, (answer) => {
      let body = "";
      answer.on("data", (part) => { body += part; });
      answer.on("end", () => answer.statusCode === 200 ? resolve() : fail(answer.statusCode + " " + body));
      answer.on("error", (error) => fail(error.message));
    });
    call.on("error", (error) => fail(error.message));
  });
  const endAt = performance.now() + Number(ms);
  const worker = async () => {
    while (performance.now() < endAt) { seen.requests++; await one(); }
  };
  one().then(() => console.log("running"));
  Promise.all([worker(), worker(), worker(), worker()]).then(() => {
    console.log(JSON.stringify(seen));
    process.exit();
  });`;

const REQUEST = `
  const { get } = require("node:http");
  const headers = { host: process.argv[1] + ".weir" };
  get({ host: "127.0.0.1", port: 15001, headers }, async (answer) => {
    let body = "";
    for await (const part of answer) body += part;
    console.log(JSON.stringify({ status: answer.statusCode, body }));
  });`;

const RIGHTS = `
  const { readFileSync, writeFileSync } = require("node:fs");
  const write = (path) => { try { writeFileSync(path, "x"); return "ok"; } catch (error) { return error.code; } };
  console.log(JSON.stringify({
    uid: process.getuid(), gid: process.getgid(),
    capabilities: /^CapEff:\\s*(\\w+)/m.exec(readFileSync("/proc/1/status", "utf8"))[1],
    rootWrite: write("/opt/weir/dist/written"), stateWrite: write("/var/lib/weir/written"),
  }));`;

export class ComposeProject {
  name = `weir-compose-test-${process.pid}`;
  #engine;
  #environment = {
    ...process.env,
    // Empty: the engine chooses free ports.
    WEIR_API_PORT: "",
    WEIR_SERVER_ADMIN_PORT: "",
    WEIR_PROXY_PORT: "",
    WEIR_AGENT_ADMIN_PORT: "",
  };

  constructor(engine) {
    this.#engine = engine;
  }

  get engineName() {
    return this.#engine.name;
  }

  up() {
    return this.compose("up", "--build", "--wait", "--wait-timeout", String(UP_TIMEOUT_S));
  }

  down() {
    return this.compose("down", "--volumes", "--timeout", "10").catch(() => undefined);
  }

  lastLogs() {
    return this.compose("logs", "--no-color", "--tail", "15").catch(() => "");
  }

  /** @returns standard output. @throws Error with both streams when it fails. */
  compose(...args) {
    return this.#start(args).ended;
  }

  async request(service) {
    return JSON.parse(await this.#inAgent(REQUEST, service).ended);
  }

  /** @returns `running` once the first request was answered; `ended` with what was seen. */
  load(service, ms) {
    const { child, ended } = this.#inAgent(LOAD, service, String(ms));
    const running = new Promise((resolve) => child.stdout.once("data", resolve));
    const seen = ended.then((text) => JSON.parse(text.trim().split("\n").at(-1)));
    return { running: Promise.race([running, seen]), ended: seen };
  }

  async rightsOf(service) {
    return JSON.parse(await this.compose("exec", "-T", service, "node", "-e", RIGHTS));
  }

  async healthyEndpoints(service, count) {
    const deadlineMs = performance.now() + HEALTHY_TIMEOUT_MS;
    let found = -1;
    while (performance.now() < deadlineMs) {
      const ask = ["weir", "endpoints", service, "-o", "json"];
      const { endpoints } = JSON.parse(await this.compose("exec", "-T", "server", ...ask));
      found = endpoints.filter(({ state }) => state === "healthy").length;
      if (found === count) return;
    }
    throw new Error(`${service} has ${found} healthy endpoints, not ${count}`);
  }

  async exitCodeOf(service) {
    const text = await this.compose("ps", "--all", "--format", "json", service);
    const rows = text.trim().startsWith("[") ? JSON.parse(text) : [JSON.parse(text.trim())];
    return rows[0].ExitCode;
  }

  #inAgent(script, ...args) {
    return this.#start(["exec", "-T", "agent", "node", "-e", script, "--", ...args]);
  }

  #start(args) {
    const [command, ...before] = this.#engine.compose;
    const child = spawn(command, [...before, "--project-name", this.name, ...args], {
      cwd: root,
      env: this.#environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = new Promise((resolve, reject) => {
      let stdout = "";
      let stderr = "";
      child.stdout.setEncoding("utf8").on("data", (text) => {
        stdout += text;
      });
      child.stderr.setEncoding("utf8").on("data", (text) => {
        stderr += text;
      });
      child.on("error", reject);
      child.on("close", (code) => {
        const said = `${stdout}${stderr}`.trim().split("\n").slice(-40).join("\n");
        if (code === 0) resolve(stdout);
        else reject(new Error(`"compose ${args[0]}" exited with ${code}:\n${said}`));
      });
    });
    // Whoever starts it awaits it later: a failure in between is not an unhandled one.
    ended.catch(() => undefined);
    return { child, ended };
  }
}
