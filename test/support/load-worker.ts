/** The load generator's process: an open loop over keep-alive connections. */
import { setTimeout as delay } from "node:timers/promises";
import { Pool } from "undici";
import type {
  LoadCommand,
  LoadFailure,
  LoadOptions,
  LoadReport,
  LoadTarget,
  Served,
  TargetMode,
} from "./load-protocol.ts";

/** Fine enough for an even rate, coarse enough to leave the event loop to the answers. */
const TICK_MS = 4;

/** Per target; requests beyond wait their turn in the pool, and their wait counts as latency. */
const CONNECTIONS = 64;

/** An answer that takes longer is a failure, also when the agent would have waited on. */
const ANSWER_TIMEOUT_MS = 20_000;

/** Enough to see what went wrong; the counts go on. */
const MAX_FAILURES_KEPT = 200;

/** What nginx.ts answers at once, and what it answers in two seconds. */
const FAST_PATH = "/";
const SLOW_PATH = "/slow";

/** Latencies are counted in steps of 0.1 ms up to 20 s. */
const LATENCY_STEPS_PER_MS = 10;

interface Target extends LoadTarget {
  readonly pool: Pool;
  mode: TargetMode;
}

interface Outcome {
  status: number;
  error: string;
  instance: string;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

class Generator {
  readonly #options: LoadOptions;
  readonly #targets: Target[];
  readonly #body: Buffer;
  readonly #startedAtMs = Date.now();
  readonly #latencies = new Uint32Array(ANSWER_TIMEOUT_MS * LATENCY_STEPS_PER_MS + 1);
  readonly #failures: LoadFailure[] = [];
  readonly #served = new Map<string, Mutable<Served>>();
  readonly #timer: NodeJS.Timeout;
  #stoppedAtMs: number | undefined;
  #scheduled = 0;
  #requests = 0;
  #posts = 0;
  readonly #isPost: () => boolean;
  readonly #isSlow: () => boolean;
  #failed = 0;
  #failedGets = 0;
  #refused = 0;
  #inFlight = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#isPost = every(options.postShare);
    this.#isSlow = every(options.slowShare);
    this.#body = Buffer.alloc(options.bodyBytes, "x");
    this.#targets = options.targets.map((target) => ({
      ...target,
      mode: "on",
      pool: new Pool(target.origin, {
        connections: CONNECTIONS,
        headersTimeout: ANSWER_TIMEOUT_MS,
        bodyTimeout: ANSWER_TIMEOUT_MS,
      }),
    }));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  setMode(name: string, mode: TargetMode): void {
    for (const target of this.#targets) if (target.name === name) target.mode = mode;
  }

  async finish(): Promise<LoadReport> {
    clearInterval(this.#timer);
    this.#stoppedAtMs = Date.now();
    const deadlineMs = Date.now() + ANSWER_TIMEOUT_MS;
    while (this.#inFlight > 0 && Date.now() < deadlineMs) await delay(TICK_MS);
    return this.report();
  }

  report(): LoadReport {
    return {
      requests: this.#requests,
      posts: this.#posts,
      failed: this.#failed,
      failedGets: this.#failedGets,
      refusedWhileRestarting: this.#refused,
      inFlight: this.#inFlight,
      seconds: ((this.#stoppedAtMs ?? Date.now()) - this.#startedAtMs) / 1_000,
      latencyMs: { p50: this.#latency(0.5), p99: this.#latency(0.99), max: this.#latency(1) },
      failures: this.#failures,
      served: [...this.#served.values()],
    };
  }

  #tick(): void {
    const elapsedMs = Date.now() - this.#startedAtMs;
    const due = Math.floor((elapsedMs * this.#options.requestsPerSecond) / 1_000);
    for (; this.#scheduled < due; this.#scheduled++) {
      const target = this.#targets[this.#scheduled % this.#targets.length];
      if (target === undefined || target.mode === "off") continue;
      const method = this.#isPost() ? "POST" : "GET";
      this.#send(target, method, this.#isSlow() ? SLOW_PATH : FAST_PATH).catch(crash);
    }
  }

  async #send(target: Target, method: "GET" | "POST", path: string): Promise<void> {
    const startMs = Date.now();
    const startedAt = performance.now();
    this.#inFlight++;
    const outcome = await this.#exchange(target, method, path);
    this.#inFlight--;
    // The mode of the answer's time: a request in flight when the restart begins is refused by it, not lost by it.
    if (outcome.error === "ECONNREFUSED" && target.mode !== "on") {
      this.#refused++;
      return;
    }
    this.#requests++;
    if (method === "POST") this.#posts++;
    if (path === FAST_PATH) this.#countLatency(performance.now() - startedAt);
    if (outcome.instance !== "") this.#countServed(target.name, outcome.instance, startMs);
    if (outcome.error === "") return;
    this.#failed++;
    if (method === "GET") this.#failedGets++;
    if (this.#failures.length < MAX_FAILURES_KEPT) {
      this.#failures.push({ startMs, endMs: Date.now(), target: target.name, method, ...outcome });
    }
  }

  async #exchange(target: Target, method: "GET" | "POST", path: string): Promise<Outcome> {
    const outcome: Outcome = { status: 0, error: "", instance: "" };
    try {
      const answer = await target.pool.request({
        path,
        method,
        headers: { host: this.#options.host },
        body: method === "POST" ? this.#body : null,
      });
      outcome.status = answer.statusCode;
      outcome.instance = String(answer.headers["x-instance"] ?? "");
      const text = await answer.body.text();
      if (outcome.status < 200 || outcome.status > 299)
        outcome.error = `${outcome.status} ${text.slice(0, 300)}`;
      else if (outcome.instance === "") outcome.error = "an answer from no instance";
    } catch (error) {
      outcome.error = errorText(error);
    }
    return outcome;
  }

  #countServed(target: string, instance: string, startMs: number): void {
    const key = `${target} ${instance}`;
    let served = this.#served.get(key);
    if (served === undefined) {
      served = { target, instance, count: 0, lastStartMs: 0, lastEndMs: 0 };
      this.#served.set(key, served);
    }
    served.count++;
    served.lastStartMs = Math.max(served.lastStartMs, startMs);
    served.lastEndMs = Date.now();
  }

  #countLatency(ms: number): void {
    const step = Math.min(Math.floor(ms * LATENCY_STEPS_PER_MS), this.#latencies.length - 1);
    this.#latencies[step] = (this.#latencies[step] ?? 0) + 1;
  }

  #latency(quantile: number): number {
    const count = this.#latencies.reduce((sum, counted) => sum + counted, 0);
    let left = Math.ceil(count * quantile);
    for (let step = 0; step < this.#latencies.length; step++) {
      left -= this.#latencies[step] ?? 0;
      if (left <= 0) return step / LATENCY_STEPS_PER_MS;
    }
    return 0;
  }
}

/** True for that share of its calls, evenly spread. */
function every(share: number): () => boolean {
  let debt = 0;
  return () => {
    debt += share;
    const isDue = debt >= 1;
    if (isDue) debt -= 1;
    return isDue;
  };
}

/** A code where there is one, so that failures can be told apart; otherwise the message. */
function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ECONNREFUSED" ? code : `${code ?? error.name}: ${error.message}`;
}

function crash(error: unknown): void {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
}

let generator: Generator | undefined;

process.on("message", (message) => {
  const command = message as LoadCommand;
  if (command.type === "start") generator = new Generator(command.options);
  if (command.type === "mode") generator?.setMode(command.target, command.mode);
  if (command.type === "report") process.send?.({ id: command.id, report: generator?.report() });
  if (command.type === "finish") {
    generator?.finish().then((report) => process.send?.({ id: command.id, report }), crash);
  }
});
// The parent died: nobody will read the report.
process.on("disconnect", () => process.exit(0));
