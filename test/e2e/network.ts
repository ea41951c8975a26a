import { spawnSync } from "node:child_process";
import type { Stage } from "./stage.ts";

/** Of the bridge, and of the namespaces behind it. */
const FIRST_HOST = 10;

/** A host's part of a network that no machine's own network is likely to be. */
const NETWORK = "10.231";

/** Networks of one machine: two runs at once must not take the same one. */
const NETWORKS = 250;

/**
 * As docs/operating.md has it: a connection that gets no answer ends after some 13 s. NATS servers otherwise
 * hold a dead route for a live one, and refuse the new one, until TCP tries again, which takes up to two minutes.
 */
const TCP_RETRIES = 5;

/** A network namespace, as a machine of its own. */
export interface Machine {
  readonly name: string;
  readonly ip: string;
  /** Put before a command, it runs there. */
  readonly within: readonly string[];
}

/**
 * Machines of a run: network namespaces behind one bridge, between which connections can be cut,
 * in one direction or both. The machine of the run itself reaches all of them, always.
 */
export class Network {
  /** Of the run's own machine. */
  readonly ip: string;
  readonly machines: readonly Machine[];
  readonly #bridge: string;
  readonly #links: string[] = [];

  private constructor(prefix: string, network: number, count: number) {
    this.#bridge = `${prefix}b`;
    this.ip = `${NETWORK}.${network}.1`;
    this.machines = Array.from({ length: count }, (_, i) => {
      const name = `${prefix}n${i + 1}`;
      const ip = `${NETWORK}.${network}.${FIRST_HOST + i}`;
      return { name, ip, within: ["ip", "netns", "exec", name] };
    });
  }

  /** @returns why this machine cannot do it, in words; `undefined` when it can. */
  static whyNot(): string | undefined {
    const name = prefixOf(process.pid, "t");
    try {
      run(["ip", "netns", "add", name]);
      run([
        "ip",
        "netns",
        "exec",
        name,
        "iptables",
        "-A",
        "INPUT",
        "-s",
        "192.0.2.1",
        "-j",
        "DROP",
      ]);
      return undefined;
    } catch (error) {
      return `network namespaces with iptables need root and the packages iproute2 and iptables: ${(error as Error).message}`;
    } finally {
      spawnSync("ip", ["netns", "del", name]);
    }
  }

  static create(stage: Stage, count: number): Network {
    const prefix = prefixOf(process.pid, "");
    for (let attempt = 0; ; attempt++) {
      const network = new Network(prefix, 1 + ((process.pid + attempt * 37) % NETWORKS), count);
      stage.onClose(() => network.#remove() as undefined);
      // Also of a run that is interrupted: nobody else would know of it.
      process.once("exit", () => network.#remove());
      try {
        network.#build();
        return network;
      } catch (error) {
        network.#remove();
        if (attempt === 2) throw error;
      }
    }
  }

  /** What `from` sends does not reach `to` any more; nobody is told. */
  cut(from: Machine, to: Machine): void {
    run([...to.within, "iptables", "-A", "INPUT", "-s", from.ip, "-j", "DROP"]);
  }

  /** Everything passes again. */
  heal(): void {
    for (const { within } of this.machines) run([...within, "iptables", "-F", "INPUT"]);
  }

  #build(): void {
    run(["ip", "link", "add", this.#bridge, "type", "bridge"]);
    run(["ip", "addr", "add", `${this.ip}/24`, "dev", this.#bridge]);
    run(["ip", "link", "set", this.#bridge, "up"]);
    for (const [i, { name, ip, within }] of this.machines.entries()) {
      const link = `${this.#bridge}${i + 1}`;
      this.#links.push(link);
      run(["ip", "netns", "add", name]);
      run(["ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name]);
      run(["ip", "link", "set", link, "master", this.#bridge, "up"]);
      run([...within, "ip", "addr", "add", `${ip}/24`, "dev", "eth0"]);
      run([...within, "ip", "link", "set", "eth0", "up"]);
      run([...within, "ip", "link", "set", "lo", "up"]);
      run([...within, "sh", "-c", `echo ${TCP_RETRIES} > /proc/sys/net/ipv4/tcp_retries2`]);
    }
  }

  #remove(): void {
    for (const { name } of this.machines) spawnSync("ip", ["netns", "del", name]);
    for (const link of this.#links) spawnSync("ip", ["link", "del", link]);
    spawnSync("ip", ["link", "del", this.#bridge]);
  }
}

/** Interfaces have at most 15 characters. */
function prefixOf(pid: number, more: string): string {
  return `we${pid.toString(36)}${more}`;
}

function run(command: readonly string[]): void {
  const [program = "", ...args] = command;
  const { status, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (status === 0) return;
  throw new Error(`\`${command.join(" ")}\`: ${error?.message ?? stderr.trim()}`);
}
