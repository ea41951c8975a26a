import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { endpointNamed } from "../../test/support/loads.ts";
import { seededRandom } from "../../test/support/seeded-random.ts";
import type { EndpointLoad } from "../core/balancing/endpoint-load.ts";
import { POLICY_NAMES, type PolicyName } from "../core/balancing/policy.ts";
import type { Endpoint } from "../core/model/endpoint.ts";
import { InvariantError } from "../core/model/invariant.ts";
import { serviceKey } from "../core/model/names.ts";
import { type ServiceSettings, UpstreamService } from "./upstream-service.ts";

const SETTINGS: ServiceSettings = {
  policy: "round_robin",
  connectTimeoutMs: 1_000,
  requestTimeoutMs: 15_000,
  idleTimeoutMs: 300_000,
  retryAttempts: 2,
  maxConnectionsPerEndpoint: 256,
};

function serviceWith(endpoints: readonly Endpoint[], policy: PolicyName = "round_robin") {
  const service = new UpstreamService(serviceKey("default", "orders"), { ...SETTINGS, policy });
  service.update(endpoints);
  return service;
}

/** Picks and begins one attempt; the service must have somebody to take it. */
function beginOne(service: UpstreamService, nowMs = 0): EndpointLoad {
  const load = service.pick(nowMs, seededRandom(1), 7, []);
  if (load === undefined) throw new Error(service.whyEmpty());
  service.begin(load, nowMs);
  return load;
}

const a = endpointNamed("a");
const b = endpointNamed("b");

describe("load across updates", () => {
  test("stays with the same process and takes its new content", () => {
    const service = serviceWith([a]);
    const load = beginOne(service);
    service.update([{ ...a, weight: 7 }, b]);
    expect([...service.loads][0]).toBe(load);
    expect(load.endpoint.weight).toBe(7);
    expect(load.inFlight).toBe(1);
  });

  test("starts clean with a new process, while the former one is counted until it is idle", () => {
    const service = serviceWith([a]);
    const former = beginOne(service);
    service.update([endpointNamed("a", { registrationId: "a-run-2" })]);
    expect(service.inFlightOf("a", "a-run-1")).toBe(1);
    expect(service.inFlightOf("a", "a-run-2")).toBe(0);
    expect(service.pick(0, seededRandom(1), 7, [])).not.toBe(former);
    service.end(former, "success", 0, 5);
    expect(service.inFlightOf("a", "a-run-1")).toBe(0);
    expect([...service.retired]).toEqual([]);
  });

  test("comes back with a process that left and returned while it was busy", () => {
    const service = serviceWith([a, b]);
    const load = beginOne(service);
    const { endpoint } = load;
    service.update([a, b].filter(({ id }) => id !== endpoint.id));
    expect([...service.retired]).toEqual([load]);
    service.update([a, b]);
    expect([...service.retired]).toEqual([]);
    expect([...service.loads]).toContain(load);
    expect(service.inFlightOf(endpoint.id, endpoint.registrationId)).toBe(1);
  });

  test("is forgotten with an idle endpoint that left", () => {
    const service = serviceWith([a, b]);
    service.update([b]);
    expect([...service.retired]).toEqual([]);
    expect(service.endpointCount).toBe(1);
    expect(service.inFlightOf("a", a.registrationId)).toBe(0);
  });

  test("every begun attempt is counted exactly once, whatever updates come in between", () => {
    const subsets = fc.uniqueArray(fc.nat(4), { maxLength: 5 });
    const steps = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant("update" as const), subset: subsets, run: fc.nat(1) }),
        fc.record({ kind: fc.constant("begin" as const) }),
        fc.record({ kind: fc.constant("end" as const), index: fc.nat() }),
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, fc.constantFrom(...POLICY_NAMES), (script, policy) => {
        const service = serviceWith([a, b], policy);
        const open: EndpointLoad[] = [];
        for (const step of script) {
          if (step.kind === "update") {
            const registrationId = `run-${step.run}`;
            service.update(step.subset.map((i) => endpointNamed(`e${i}`, { registrationId })));
          } else if (step.kind === "begin") {
            const load = service.pick(0, seededRandom(1), open.length, []);
            if (load === undefined) continue;
            service.begin(load, 0);
            open.push(load);
          } else {
            const [load] = open.splice(step.index % Math.max(1, open.length), 1);
            if (load !== undefined) service.end(load, "success", 0, 1);
          }
          const counted = new Set([...service.loads, ...service.retired]);
          let inFlight = 0;
          for (const load of counted) inFlight += load.inFlight;
          expect(inFlight).toBe(open.length);
          expect(service.stats.inFlight).toBe(open.length);
          for (const { endpoint } of open) {
            const ofThis = open.filter((other) => other.endpoint === endpoint).length;
            expect(service.inFlightOf(endpoint.id, endpoint.registrationId)).toBe(ofThis);
          }
        }
      }),
    );
  });
});

describe("idle", () => {
  function idleReports(service: UpstreamService): string[] {
    const reports: string[] = [];
    service.onIdle(({ id, registrationId }) => reports.push(`${id} ${registrationId}`));
    return reports;
  }

  test("is reported when the last request to a draining endpoint ended", () => {
    const service = serviceWith([a]);
    const reports = idleReports(service);
    const first = beginOne(service);
    const second = beginOne(service);
    service.update([{ ...a, state: "draining" }, b]);
    service.end(first, "success", 0, 1);
    expect(reports).toEqual([]);
    service.end(second, "failure", 0, 1);
    expect(reports).toEqual(["a a-run-1"]);
  });

  test("is reported when the last request to an endpoint that left ended", () => {
    const service = serviceWith([a]);
    const reports = idleReports(service);
    const load = beginOne(service);
    service.update([]);
    service.end(load, "cancelled", 0, 1);
    expect(reports).toEqual(["a a-run-1"]);
  });

  test("is not reported of an endpoint that goes on serving", () => {
    const service = serviceWith([a]);
    const reports = idleReports(service);
    service.end(beginOne(service), "success", 0, 1);
    expect(reports).toEqual([]);
  });
});

describe("retries", () => {
  test.each(POLICY_NAMES)("%s never repeats an endpoint while another one is left", (policy) => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.integer(), (count, seed) => {
        const ids = Array.from({ length: count }, (_, i) => `e${i}`);
        const service = serviceWith(
          ids.map((id, i) => endpointNamed(id, { weight: 10 ** (i % 4) })),
          policy,
        );
        const random = seededRandom(seed);
        const tried: EndpointLoad[] = [];
        for (let i = 0; i < count; i++) {
          const load = service.pick(0, random, seed, tried);
          if (load !== undefined) tried.push(load);
        }
        expect(new Set(tried).size).toBe(count);
        // All were tried: a further attempt may repeat, but has somewhere to go.
        expect(tried).toContain(service.pick(0, random, seed, tried));
      }),
    );
  });

  test("go to a backup when every master was tried", () => {
    const backup = endpointNamed("backup", { priority: 1 });
    const service = serviceWith([a, backup]);
    const first = beginOne(service);
    expect(first.endpoint.id).toBe("a");
    expect(service.pick(0, seededRandom(1), 7, [first])?.endpoint.id).toBe("backup");
  });

  test("do not go to a draining or unhealthy endpoint", () => {
    const service = serviceWith([
      a,
      endpointNamed("d", { state: "draining" }),
      endpointNamed("u", { state: "unhealthy" }),
    ]);
    const first = beginOne(service);
    expect(service.pick(0, seededRandom(1), 7, [first])).toBe(first);
  });

  test("find the untried one of two that drain, however busy it is", () => {
    const service = serviceWith(
      ["d1", "d2"].map((id) => endpointNamed(id, { state: "draining" })),
      "least_request",
    );
    const [first, second] = service.candidates;
    if (first === undefined || second === undefined) throw new Error("two candidates expected");
    second.inFlight = 5;
    expect(service.pick(0, seededRandom(1), 7, [first])).toBe(second);
  });

  test("draw on the budget of the settings", () => {
    const retryBudget = { percent: 0, minPerSecond: 0, ttlMs: 10_000 };
    const service = new UpstreamService(serviceKey("default", "x"), { ...SETTINGS, retryBudget });
    expect(service.retryBudget.tryWithdraw(0)).toBe(false);
    expect(serviceWith([]).retryBudget.tryWithdraw(0)).toBe(true);
  });
});

describe("what an attempt teaches", () => {
  function averageAfter(outcome: "success" | "failure" | "cancelled", latencyMs: number): number {
    const service = serviceWith([a], "peak_ewma");
    const known = beginOne(service);
    service.end(known, "success", 0, 100);
    const load = beginOne(service, 100);
    service.end(load, outcome, 100, 100 + latencyMs);
    return load.ewmaMs;
  }

  test("a slow success and a slow cancel raise the average to what they took", () => {
    expect(averageAfter("success", 300)).toBe(300);
    expect(averageAfter("cancelled", 300)).toBe(300);
  });

  test("a quick failure counts as a slow answer, a quick cancel not at all", () => {
    expect(averageAfter("failure", 1)).toBe(5_000);
    expect(averageAfter("cancelled", 1)).toBe(100);
  });
});

test("ending an attempt twice is our bug", () => {
  const service = serviceWith([a]);
  const load = beginOne(service);
  service.end(load, "success", 0, 1);
  expect(() => service.end(load, "success", 0, 1)).toThrow(InvariantError);
});

test("a new policy takes over with the load that is known", () => {
  const service = serviceWith([a, b]);
  const busy = beginOne(service);
  service.setPolicy("least_request");
  expect(service.settings.policy).toBe("least_request");
  for (let seed = 0; seed < 20; seed++) {
    expect(service.pick(0, seededRandom(seed), 7, [])).not.toBe(busy);
  }
});

test.each([
  { endpoints: [], says: /default\/orders has no endpoints: no instance is registered/ },
  {
    endpoints: [
      endpointNamed("x", { state: "unhealthy" }),
      endpointNamed("y", { state: "unhealthy" }),
    ],
    says: /no endpoint of default\/orders can take requests \(2 unhealthy\)/,
  },
])("explains why nobody can be picked: $says", ({ endpoints, says }) => {
  const service = serviceWith(endpoints);
  expect(service.pick(0, seededRandom(1), 7, [])).toBeUndefined();
  expect(service.whyEmpty()).toMatch(says);
});
