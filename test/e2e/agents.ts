import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../support/free-port.ts";
import { waitUntil } from "../support/wait-until.ts";
import type { Program, Stage } from "./stage.ts";

const READY_TIMEOUT_MS = 20_000;

export interface Agent {
  readonly id: string;
  /** Where requests go: `http://127.0.0.1:PORT`. */
  readonly origin: string;
  /** `http://127.0.0.1:PORT` of `/ready` and `/metrics`. */
  readonly adminOrigin: string;
  readonly program: () => Program;
  /** Starts it again with the same config, once the former process has ended, and waits for `/ready`. */
  restart(): Promise<void>;
}

export interface AgentOptions {
  readonly id: string;
  /** `HOST:PORT` of the control plane. */
  readonly controlPlane: string;
  /** More lines of its config file, as JSON (which is YAML). */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Where it listens; loopback when left out. */
  readonly host?: string;
  /** A command that runs it elsewhere, for example in a network namespace. */
  readonly within?: readonly string[];
}

/** Starts one agent and waits for its `/ready`. */
export async function startAgent(stage: Stage, options: AgentOptions): Promise<Agent> {
  const { host = "127.0.0.1" } = options;
  const listen = `${host}:${await freePort()}`;
  const admin = `${host}:${await freePort()}`;
  const configPath = join(stage.directory, `${options.id}.yaml`);
  const config = {
    id: options.id,
    controlPlane: [options.controlPlane],
    listen,
    admin,
    stateDir: join(stage.directory, options.id),
    insecure: options.host !== undefined,
    ...options.config,
  };
  await writeFile(configPath, JSON.stringify(config, undefined, 2));
  let program: Program;
  const start = async (): Promise<void> => {
    program = stage.weir(options.id, ["agent", "--config", configPath], options.within);
    await waitUntil(`agent ${options.id} is ready`, READY_TIMEOUT_MS, async () => {
      return (await fetch(`http://${admin}/ready`)).ok;
    });
  };
  await start();
  const agent = { id: options.id, origin: `http://${listen}`, adminOrigin: `http://${admin}` };
  return { ...agent, program: () => program, restart: start };
}

/** One sample of a Prometheus page. */
export interface Sample {
  readonly name: string;
  readonly labels: string;
  readonly value: number;
}

export async function metrics(agent: Agent): Promise<Sample[]> {
  const text = await (await fetch(`${agent.adminOrigin}/metrics`)).text();
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const match = /^([a-z_][a-z0-9_]*)(\{.*\})? ([^ ]+)$/.exec(line);
    if (match !== null)
      samples.push({ name: match[1] ?? "", labels: match[2] ?? "", value: Number(match[3]) });
  }
  return samples;
}

/** Sum of all agents' retries so far. */
export async function retriesOf(agents: readonly Agent[]): Promise<number> {
  const pages = await Promise.all(agents.map(metrics));
  const counters = pages.flat().filter((sample) => sample.name === "weir_agent_retries_total");
  return counters.reduce((sum, sample) => sum + sample.value, 0);
}
