/** docker-compose.yml under a name of its own, faults done to it, and questions to what runs in it. */
import { spawn, spawnSync } from "node:child_process";
import { LOAD, PICKS, RECORDS, REQUEST, RIGHTS } from "./compose-asks.mjs";
import { root } from "./run-step.mjs";

/** Building pulls four images and installs packages. */
const UP_TIMEOUT_S = 300;

export const SERVICES = ["hello", "files", "echo"];
export const REPLICAS = ["server-1", "server-2", "server-3"];
export const AGENTS = ["agent-1", "agent-2"];
export const NATS = ["nats-1", "nats-2", "nats-3"];

/** Nothing can be tested on this machine; the message says what is missing. */
export class NoEngine extends Error {}

const ENGINES = [
  { name: "Docker", command: "docker", compose: ["docker", "compose"] },
  { name: "Docker", command: "docker", compose: ["docker-compose"] },
  { name: "Podman", command: "podman", compose: ["podman", "compose"] },
];

/** The first engine that runs and has compose. @throws NoEngine */
export function composeEngine() {
  const engine = ENGINES.find(
    ({ command, compose }) => answers([command, "info"]) && answers([...compose, "version"]),
  );
  if (engine !== undefined) return engine;
  const missing = ENGINES.map(({ command, compose }) => {
    const what = answers([command, "info"]) ? [...compose, "version"] : [command, "info"];
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

export class ComposeProject {
  name = `weir-compose-test-${process.pid}`;
  #engine;
  #environment = {
    ...process.env,
    // Empty: the engine chooses free ports.
    ...Object.fromEntries(
      ["WEIR_API_PORT", "WEIR_SERVER_ADMIN_PORT", "WEIR_PROXY_PORT", "WEIR_AGENT_ADMIN_PORT"]
        .flatMap((name) => [name, `${name}_2`, `${name}_3`])
        .map((name) => [name, ""]),
    ),
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
    return this.#compose(args).ended;
  }

  kill(...services) {
    return this.compose("kill", "-s", "SIGKILL", ...services);
  }

  start(...services) {
    return this.compose("start", ...services);
  }

  pause(...services) {
    return this.compose("pause", ...services);
  }

  unpause(...services) {
    return this.compose("unpause", ...services);
  }

  async disconnect(service) {
    const container = await this.#containerOf(service);
    await this.#engineDo("network", "disconnect", `${this.name}_default`, container);
  }

  /** Under its name again, which the engine gave it only when it made it. */
  async connect(service) {
    const container = await this.#containerOf(service);
    const network = `${this.name}_default`;
    await this.#engineDo("network", "connect", "--alias", service, network, container);
  }

  /** The command line at a replica, with `input` as its standard input. */
  weir(replica, args, input = "") {
    const { child, ended } = this.#compose(["exec", "-T", replica, "weir", ...args]);
    child.stdin.end(input);
    return ended;
  }

  async request(agent, service) {
    return JSON.parse(await this.#node(agent, REQUEST, service));
  }

  /** GETs through `agent` until `stop`; resolves once the first was answered. */
  async load(agent) {
    const { child, ended } = this.#compose(this.#nodeArgs(agent, LOAD, ...SERVICES));
    await Promise.race([new Promise((resolve) => child.stdout.once("data", resolve)), ended]);
    return {
      stop: async () => {
        child.stdin.end();
        return JSON.parse((await ended).trim().split("\n").at(-1));
      },
    };
  }

  async rightsOf(service) {
    return JSON.parse(await this.#node(service, RIGHTS));
  }

  /** What a replica serves, a line for each instance. */
  async recordsAt(replica) {
    return JSON.parse(await this.#node(replica, RECORDS, ...SERVICES));
  }

  /** The cluster as a replica sees it. */
  async membersAt(replica) {
    return JSON.parse(await this.weir(replica, ["members", "-o", "json"]));
  }

  /** @returns `picked`, a line for each endpoint, and `policies` by service. */
  async viewOf(agent) {
    return JSON.parse(await this.#node(agent, PICKS));
  }

  async exitCodeOf(service) {
    const text = await this.compose("ps", "--all", "--format", "json", service);
    const rows = text.trim().startsWith("[") ? JSON.parse(text) : [JSON.parse(text.trim())];
    return rows[0].ExitCode;
  }

  async #containerOf(service) {
    return (await this.compose("ps", "--all", "--quiet", service)).trim();
  }

  #node(service, script, ...args) {
    const { child, ended } = this.#compose(this.#nodeArgs(service, script, ...args));
    child.stdin.end();
    return ended;
  }

  #nodeArgs(service, script, ...args) {
    return ["exec", "-T", service, "node", "-e", script, "--", ...args];
  }

  #engineDo(...args) {
    const started = this.#run([this.#engine.command, ...args]);
    started.child.stdin.end();
    return started.ended;
  }

  #compose(args) {
    const started = this.#run([...this.#engine.compose, "--project-name", this.name, ...args]);
    if (args[0] !== "exec") started.child.stdin.end();
    return started;
  }

  #run([command, ...args]) {
    const child = spawn(command, args, {
      cwd: root,
      env: this.#environment,
      stdio: ["pipe", "pipe", "pipe"],
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
      // Whoever ended early has read nothing.
      child.stdin.on("error", () => undefined);
      child.on("error", reject);
      child.on("close", (code) => {
        const said = `${stdout}${stderr}`.trim().split("\n").slice(-40).join("\n");
        const what = args.filter((arg) => arg.length < 40).join(" ");
        if (code === 0) resolve(stdout);
        else reject(new Error(`"${command} ${what}" exited with ${code}:\n${said}`));
      });
    });
    // Whoever starts it awaits it later: a failure in between is not an unhandled one.
    ended.catch(() => undefined);
    return { child, ended };
  }
}
