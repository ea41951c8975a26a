import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { RunningProcess } from "./running-process.ts";

/** Where distributions and people put it; the first one that exists is used. */
const BINARIES = [
  "/usr/sbin/nats-server",
  "/usr/local/bin/nats-server",
  "/usr/bin/nats-server",
  "/opt/homebrew/bin/nats-server",
];

const LOOPBACK = "127.0.0.1";

/** Two tests on one machine may guess the same port; the second guess is another. */
const START_ATTEMPTS = 3;

/** Those that run; none of them outlives this process, also when nobody stopped it. */
const running = new Set<RunningProcess>();
process.on("exit", () => {
  for (const { child } of running) child.kill("SIGKILL");
});

export interface NatsServerOptions {
  /** A free one when not said. */
  readonly port?: number;
  /** Where it listens; loopback when not said. */
  readonly host?: string;
  /** A command that runs it elsewhere, for example in a network namespace. */
  readonly within?: readonly string[];
  /** More lines of its configuration: authorization, tls, max_payload, cluster. */
  readonly config?: string;
  /** Streams and key-value buckets, in a folder of its own that survives restarts. */
  readonly hasJetStream?: boolean;
}

/** The program's path, or `undefined` when it is not installed (`apt-get install nats-server`). */
export function findNatsServer(): string | undefined {
  return BINARIES.find((path) => existsSync(path));
}

/** A real nats-server in a process of its own, on one port for all of its lives. */
export class NatsServerProcess {
  readonly port: number;
  readonly #folder: string;
  readonly #options: NatsServerOptions;
  #process: RunningProcess | undefined;

  private constructor(options: NatsServerOptions, port: number, folder: string) {
    this.#options = options;
    this.port = port;
    this.#folder = folder;
  }

  /** Starts one and resolves once it accepts connections. */
  static async start(options: NatsServerOptions = {}): Promise<NatsServerProcess> {
    for (let attempt = 1; ; attempt++) {
      const folder = await mkdtemp(join(tmpdir(), "weir-nats-"));
      const port = options.port ?? (await freePort());
      const server = new NatsServerProcess(options, port, folder);
      try {
        await server.start();
        return server;
      } catch (error) {
        await server.stop();
        if (attempt === START_ATTEMPTS || options.port !== undefined) throw error;
      }
    }
  }

  /** Without secrets. */
  get url(): string {
    return `nats://${this.#options.host ?? LOOPBACK}:${this.port}`;
  }

  /** Again, on the same port and with the same streams. */
  async start(): Promise<void> {
    const binary = findNatsServer();
    if (binary === undefined) {
      throw new Error("nats-server is not installed; try: apt-get install nats-server");
    }
    await this.configure(this.#options.config ?? "");
    const command = [
      ...(this.#options.within ?? []),
      binary,
      "-c",
      join(this.#folder, "nats.conf"),
    ];
    const child = new RunningProcess(command[0] ?? binary, command.slice(1), {});
    this.#process = child;
    running.add(child);
    child.exited.then(
      () => running.delete(child),
      () => undefined,
    );
    await child.line(/Server is ready/);
  }

  /** Writes the configuration; `signal("SIGHUP")` makes a running server read it. */
  async configure(config: string): Promise<void> {
    const jetStream = this.#options.hasJetStream
      ? `jetstream { store_dir: "${join(this.#folder, "streams")}" }`
      : "";
    const text = `host: "${this.#options.host ?? LOOPBACK}"\nport: ${this.port}\nlame_duck_duration: "30s"\nlame_duck_grace_period: "1s"\n${jetStream}\n${config}\n`;
    await writeFile(join(this.#folder, "nats.conf"), text);
  }

  /** `SIGSTOP` freezes, `SIGCONT` wakes, `SIGHUP` reloads, `SIGUSR2` begins the lame duck mode. */
  signal(signal: "SIGSTOP" | "SIGCONT" | "SIGHUP" | "SIGUSR2"): void {
    this.#process?.child.kill(signal);
  }

  /** SIGKILL, and waits for the end; `start` brings it back. */
  async kill(): Promise<void> {
    await this.#process?.end("SIGKILL");
  }

  /** Ends it for good, and removes what it kept. */
  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
