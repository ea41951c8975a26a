/** Calls both services through one mesh at a steady rate, whatever the answers take. */
import { credentials, Metadata } from "@grpc/grpc-js";
import { request } from "undici";
import type { Mesh } from "../../src/apps/library/main.ts";
import { HealthClient } from "../../src/gen/grpc/health/v1/health.ts";
import { type ClientReport, GRPC_SERVICE, HTTP_SERVICE } from "./library-protocol.ts";

const TICK_MS = 5;

/** Of the requests: answers that take a while, and bodies that cannot be sent twice. */
const SLOW_EVERY = 50;
const POST_EVERY = 5;

/** Above every answer's time, below the time of a run. */
const CALL_TIMEOUT_MS = 10_000;

const MAX_FAILURES_KEPT = 10;

export class LibraryLoad {
  readonly #mesh: Mesh;
  readonly #checks = new HealthClient(`weir:${GRPC_SERVICE}`, credentials.createInsecure());
  readonly #names = new Set<string>();
  readonly #failures: string[] = [];
  readonly #times: number[] = [];
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  #sent = 0;
  #open = 0;
  #failed = 0;
  onlyIdempotent = false;

  constructor(mesh: Mesh, requestsPerSecond: number) {
    this.#mesh = mesh;
    this.#timer = setInterval(() => this.#tick(requestsPerSecond), TICK_MS);
  }

  /** Who answered since the last call. */
  names(): string[] {
    const names = [...this.#names];
    this.#names.clear();
    return names;
  }

  /** Sends nothing more, and reports when everything is answered. */
  async finish(): Promise<ClientReport> {
    clearInterval(this.#timer);
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    while (this.#open > 0) await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    this.#checks.close();
    this.#times.sort((a, b) => a - b);
    const at = (share: number) => this.#times[Math.floor(this.#times.length * share)] ?? 0;
    return {
      requests: this.#sent,
      failed: this.#failed,
      failures: this.#failures,
      seconds,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      leftInFlight: this.#mesh.inFlight,
    };
  }

  #tick(requestsPerSecond: number): void {
    const due = ((performance.now() - this.#startedAt) / 1_000) * requestsPerSecond;
    while (this.#sent < due) this.#send(this.#sent++);
  }

  #send(i: number): void {
    const isSlow = i % SLOW_EVERY < 2;
    const isPost = !this.onlyIdempotent && i % POST_EVERY < 2;
    const answer = i % 2 === 0 ? this.#http(i, isSlow, isPost) : this.#grpc(isSlow);
    const startedAt = performance.now();
    this.#open += 1;
    answer
      .then(
        (name) => {
          this.#names.add(name);
          this.#times.push(performance.now() - startedAt);
        },
        (error: unknown) => this.#fail(i % 2 === 0 ? "http" : "grpc", error),
      )
      .finally(() => {
        this.#open -= 1;
      });
  }

  /** Half by `fetch`, half by `request`: both doors lead to the same mesh. */
  async #http(i: number, isSlow: boolean, isPost: boolean): Promise<string> {
    const url = `http://${HTTP_SERVICE}.weir/${isSlow ? "slow" : ""}`;
    const options = isPost ? { method: "POST", body: "hello" } : { method: "GET" };
    if (i % 4 === 0) {
      const response = await this.#mesh.fetch(url, options);
      if (!response.ok) throw new Error(`status ${response.status}`);
      return response.text();
    }
    const { dispatcher } = this.#mesh;
    const { statusCode, body } = await request(url, { ...options, dispatcher });
    if (statusCode !== 200) throw new Error(`status ${statusCode}`);
    return body.text();
  }

  #grpc(isSlow: boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      let name = "";
      const deadline = Date.now() + CALL_TIMEOUT_MS;
      const call = this.#checks.check(
        { service: isSlow ? "slow" : "" },
        new Metadata(),
        { deadline },
        (error) => (error === null ? resolve(name) : reject(error)),
      );
      call.on("metadata", (metadata) => {
        name = String(metadata.get("served-by")[0] ?? "");
      });
    });
  }

  #fail(kind: string, error: unknown): void {
    this.#failed += 1;
    if (this.#failures.length >= MAX_FAILURES_KEPT) return;
    const text = error instanceof Error ? `${error.message} ${String(error.cause ?? "")}` : "";
    this.#failures.push(`${new Date().toISOString()} ${kind}: ${text}`);
  }
}
