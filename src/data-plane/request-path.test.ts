import { expect, test } from "vitest";
import { FakeClock } from "../../test/support/fake-clock.ts";
import { endpointAt } from "../../test/support/proxy.ts";
import { seededRandom } from "../../test/support/seeded-random.ts";
import { serviceKey } from "../core/model/names.ts";
import { routeTable } from "../core/routing/match.ts";
import type {
  AttemptEnd,
  AttemptLimits,
  AttemptListener,
  AttemptTarget,
  Exchange,
} from "../ports/exchange.ts";
import { AccessLog } from "./access-log.ts";
import { RequestPath, type RequestPathOptions } from "./request-path.ts";
import { type ServiceSettings, UpstreamService } from "./upstream-service.ts";

const SETTINGS: ServiceSettings = {
  policy: "round_robin",
  connectTimeoutMs: 100,
  requestTimeoutMs: 1_000,
  idleTimeoutMs: 1_000,
  retryAttempts: 2,
  maxConnectionsPerEndpoint: 4,
};

/** Ends each attempt as scripted; the last word is repeated. */
class ScriptedExchange implements Exchange {
  readonly host = "orders.weir";
  readonly path = "/x";
  clientAddress = "10.0.0.1";
  forwardedFor = "";
  readonly isUpgrade = false;
  canReplay = true;
  readonly bytesRelayed = 0;
  readonly method: string;
  readonly targets: string[] = [];
  readonly timeouts: number[] = [];
  rejected: { status: number; reason: string; message: string } | undefined;
  onAttempt = (): void => {};
  readonly #ends: readonly AttemptEnd[];

  constructor(ends: readonly AttemptEnd[], method = "GET") {
    this.#ends = ends;
    this.method = method;
  }

  attempt(
    target: AttemptTarget,
    _limits: AttemptLimits,
    _path: string,
    timeoutMs: number,
    listener: AttemptListener,
  ): void {
    const end = this.#ends[this.targets.length] ?? this.#ends.at(-1) ?? "responded";
    this.targets.push(target.key);
    this.timeouts.push(timeoutMs);
    this.onAttempt();
    listener.attemptEnded(end, end === "responded" ? 200 : 0, end === "responded" ? "" : "why");
  }

  reject(status: number, reason: string, message: string): void {
    this.rejected = { status, reason, message };
  }
}

function pathTo(endpointCount: number, settings: Partial<ServiceSettings> = {}) {
  const service = new UpstreamService(serviceKey("default", "orders"), {
    ...SETTINGS,
    ...settings,
  });
  service.update(Array.from({ length: endpointCount }, (_, i) => endpointAt(`o-${i}`, 80 + i)));
  const clock = new FakeClock();
  const build = (options: Partial<RequestPathOptions> = {}) =>
    new RequestPath({
      clock,
      random: seededRandom(1),
      table: { lookup: () => service, waitFor: async () => service },
      routes: routeTable("default", []),
      accessLog: new AccessLog({ debug() {}, info() {}, warn() {}, error() {} }),
      ...options,
    });
  return { service, clock, build, path: build() };
}

test.each<{ ends: AttemptEnd[]; method: string; attempts: number; status: number | undefined }>([
  { ends: ["responded"], method: "GET", attempts: 1, status: undefined },
  { ends: ["connect-failed", "responded"], method: "POST", attempts: 2, status: undefined },
  { ends: ["connect-failed"], method: "POST", attempts: 3, status: 502 },
  { ends: ["reset", "responded"], method: "GET", attempts: 2, status: undefined },
  { ends: ["reset", "responded"], method: "DELETE", attempts: 2, status: undefined },
  { ends: ["reset"], method: "POST", attempts: 1, status: 502 },
  { ends: ["timed-out"], method: "GET", attempts: 1, status: 504 },
  { ends: ["protocol-error"], method: "GET", attempts: 1, status: 502 },
  { ends: ["client-slow"], method: "POST", attempts: 1, status: 408 },
  { ends: ["client-gone"], method: "GET", attempts: 1, status: undefined },
  { ends: ["truncated"], method: "GET", attempts: 1, status: undefined },
])("$method that ends $ends takes $attempts attempts and answers $status", (expected) => {
  const { path, service } = pathTo(4);
  const exchange = new ScriptedExchange(expected.ends, expected.method);
  path.handle(exchange);
  expect(exchange.targets).toHaveLength(expected.attempts);
  expect(new Set(exchange.targets).size).toBe(expected.attempts);
  expect(exchange.rejected?.status).toBe(expected.status);
  expect(service.stats.inFlight).toBe(0);
  expect(path.inFlight).toBe(0);
});

test("with 0 retries nothing is retried", () => {
  const { path } = pathTo(3, { retryAttempts: 0 });
  const exchange = new ScriptedExchange(["connect-failed"]);
  path.handle(exchange);
  expect(exchange.targets).toHaveLength(1);
});

test("a body that was sent is not sent again", () => {
  const { path } = pathTo(3);
  const exchange = new ScriptedExchange(["connect-failed"], "PUT");
  exchange.canReplay = false;
  path.handle(exchange);
  expect(exchange.targets).toHaveLength(1);
});

test("attempts share one deadline", () => {
  const { path, clock } = pathTo(4);
  const exchange = new ScriptedExchange(["connect-failed"]);
  exchange.onAttempt = () => clock.advance(600);
  path.handle(exchange);
  expect(exchange.timeouts).toEqual([1_000, 400]);
});

test("retries stop when the budget is used up", () => {
  const retryBudget = { percent: 50, minPerSecond: 0, ttlMs: 10_000 };
  const { path, service } = pathTo(4, { retryBudget });
  for (let i = 0; i < 10; i++) path.handle(new ScriptedExchange(["reset"]));
  // Half a retry is earned by each of ten requests.
  expect(service.stats.retries).toBe(5);
  expect(service.stats.retriesRefused).toBeGreaterThan(0);
});

test("a retry after a failed connect costs no budget: nothing was sent", () => {
  const retryBudget = { percent: 0, minPerSecond: 0, ttlMs: 10_000 };
  const { path, service } = pathTo(4, { retryBudget });
  path.handle(new ScriptedExchange(["connect-failed", "responded"]));
  expect(service.stats.retries).toBe(1);
  expect(service.stats.retriesRefused).toBe(0);
});

test("no endpoint is a 503 that says why", () => {
  const { path, service } = pathTo(0);
  const exchange = new ScriptedExchange([]);
  path.handle(exchange);
  expect(exchange.rejected).toMatchObject({ status: 503, reason: "UH" });
  expect(exchange.rejected?.message).toContain("default/orders");
  expect(service.stats.unavailable).toBe(1);
});

test("a port name that no endpoint has is a 503 that names those there are", () => {
  const { path } = pathTo(1, { port: "grpc" });
  const exchange = new ScriptedExchange([]);
  path.handle(exchange);
  expect(exchange.rejected?.message).toContain('no port "grpc", only: http');
});

test("a service is waited for, and is a 404 when no answer comes", async () => {
  const { build, service } = pathTo(1);
  const known = new ScriptedExchange(["responded"]);
  const never = new ScriptedExchange(["responded"]);
  build({ table: { lookup: () => undefined, waitFor: async () => service } }).handle(known);
  build({ table: { lookup: () => undefined, waitFor: async () => undefined } }).handle(never);
  await expect.poll(() => known.targets.length).toBe(1);
  await expect.poll(() => never.rejected).toMatchObject({ status: 404, reason: "NR" });
  expect(never.targets).toHaveLength(0);
});

test.each([
  { trust: false, differs: false },
  { trust: true, differs: true },
])("X-Forwarded-For chooses by client when trusted: $trust", ({ trust, differs }) => {
  const { build } = pathTo(16, { policy: "source_hash" });
  const path = build({ trustForwardedFor: trust });
  const targets = Array.from({ length: 20 }, (_, i) => {
    const exchange = new ScriptedExchange(["responded"]);
    exchange.forwardedFor = `192.0.2.${i}, 10.9.9.${20 - i}`;
    path.handle(exchange);
    return exchange.targets[0];
  });
  expect(new Set(targets).size > 1).toBe(differs);
});
