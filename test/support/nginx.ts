import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { waitUntil } from "./wait-until.ts";

/** Where distributions put it; the first one that exists is used. */
const BINARIES = [
  "/usr/sbin/nginx",
  "/usr/local/sbin/nginx",
  "/usr/local/bin/nginx",
  "/opt/homebrew/bin/nginx",
];

/** A start takes some 20 ms; this only ends the wait for one that will never come. */
const START_TIMEOUT_MS = 10_000;

/** Two tests on one machine may guess the same port; the second guess is another. */
const START_ATTEMPTS = 3;

/** The body of `GET /slow`. */
const SLOW_BYTES = 2_048;

/** Those that run; none of them outlives this process, also when nobody killed it. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A real HTTP server that this project did not write, in one process. */
export interface Nginx {
  /** Also in its body and in `x-instance`. */
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  /** SIGKILL. Resolves with the wall time (ms) of the kill once the process is gone; a second call repeats the answer. */
  kill(): Promise<number>;
}

export interface NginxOptions {
  readonly name: string;
  /** A free one when not said. */
  readonly port?: number;
  /** Size of the body of `GET /`: its name, filled up with dots. */
  readonly bodyBytes?: number;
}

/** The program's path, or `undefined` when it is not installed (`apt-get install nginx-light`). */
export function findNginx(): string | undefined {
  return BINARIES.find((path) => existsSync(path));
}

/** Starts one nginx and resolves once it accepts connections. */
export async function startNginx(options: NginxOptions): Promise<Nginx> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options, options.port ?? (await freePort()));
    } catch (error) {
      if (attempt === START_ATTEMPTS || options.port !== undefined) throw error;
    }
  }
}

async function startOnce(options: NginxOptions, port: number): Promise<Nginx> {
  const binary = findNginx();
  if (binary === undefined)
    throw new Error("nginx is not installed; try: apt-get install nginx-light");
  const prefix = await mkdtemp(join(tmpdir(), "weir-nginx-"));
  await mkdir(join(prefix, "temp"));
  await writeFile(join(prefix, "nginx.conf"), configuration(options, port));
  const child = spawn(binary, ["-p", prefix, "-e", "error.log", "-c", "nginx.conf"], {
    stdio: "ignore",
  });
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  child.once("error", () => undefined);
  running.add(child);
  child.once("close", () => running.delete(child));
  let diedAtMs: number | undefined;
  const kill = async (): Promise<number> => {
    if (diedAtMs === undefined) {
      child.kill("SIGKILL");
      diedAtMs = Date.now();
    }
    await exited;
    await rm(prefix, { recursive: true, force: true });
    return diedAtMs;
  };
  try {
    await waitUntil(`nginx ${options.name} accepts on port ${port}`, START_TIMEOUT_MS, () =>
      accepts(child, port),
    );
  } catch (cause) {
    const log = await readFile(join(prefix, "error.log"), "utf8").catch(() => "");
    await kill();
    throw new Error(`nginx ${options.name} did not start: ${log.trim()}`, { cause });
  }
  return { name: options.name, port, pid: child.pid ?? 0, kill };
}

function accepts(child: ChildProcess, port: number): Promise<boolean> {
  // Another program may hold the port: a dead child fails at the deadline, with nginx's own words.
  if (child.exitCode !== null) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/**
 * One process (killing a master would leave its worker serving), keep-alive without end, so
 * that only this project decides when connections close. `return` reads and drops a request's body.
 */
function configuration(options: NginxOptions, port: number): string {
  const body = `${options.name}\\n`.padEnd(options.bodyBytes ?? 0, ".");
  return `
daemon off;
master_process off;
pid nginx.pid;
error_log error.log warn;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_body_temp_path temp/body;
  proxy_temp_path temp/proxy;
  fastcgi_temp_path temp/fastcgi;
  uwsgi_temp_path temp/uwsgi;
  scgi_temp_path temp/scgi;
  server {
    listen 127.0.0.1:${port} backlog=1024;
    default_type text/plain;
    add_header x-instance ${options.name} always;
    location / { return 200 "${body}"; }
    # Half of it at once, the rest two seconds later: somebody is always in the middle of an answer.
    location = /slow { limit_rate ${SLOW_BYTES / 2}; return 200 "${"s".repeat(SLOW_BYTES)}"; }
    location = /healthz { return 200 "ok\\n"; }
  }
}
`;
}
