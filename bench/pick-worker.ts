/**
 * Measures one policy at one size in a process of its own: `pick-worker.ts POLICY SIZE WEIGHTS ROUNDS`.
 * Every policy has run before the first figure, so that the call into the policy is as
 * polymorphic as in an agent whose services balance in different ways.
 */
import { PerformanceObserver } from "node:perf_hooks";
import type { EndpointLoad } from "../src/core/balancing/endpoint-load.ts";
import { POLICY_NAMES, type PolicyName } from "../src/core/balancing/policy.ts";
import type { Endpoint } from "../src/core/model/endpoint.ts";
import { newFastRandom } from "../src/core/model/fast-random.ts";
import type { InstanceId, RegistrationId, ServiceKey } from "../src/core/model/names.ts";
import { UpstreamService } from "../src/data-plane/upstream-service.ts";
import { median } from "./median.ts";
import type { PickFigures, PickWeights } from "./pick-protocol.ts";

/** The first attempt of every request has tried nobody: one array for all, as on the request path. */
const NOTHING_TRIED: readonly EndpointLoad[] = [];
/** Long enough for a clock's resolution, short enough that the neighbours' loads hit both sides alike. */
const ROUND_MS = 15;
/** Time stands still within a batch, as it does within a millisecond. */
const BATCH = 1_000;
const WARM_UP_PICKS = 300_000;
const BYTES_PICKS = 10_000_000;
/** Scans of 10,000 endpoints would take minutes; what they allocate shows in fewer picks. */
const SLOW_BYTES_PICKS = 100_000;
const SLOW_NS = 1_000;

const random = newFastRandom(7);
let sink = 0;

function endpoint(index: number, weights: PickWeights): Endpoint {
  return {
    id: `instance-${index}` as InstanceId,
    registrationId: `process-${index}` as RegistrationId,
    address: { kind: "ip", value: "127.0.0.1" },
    ports: [{ name: "http", port: 8_080, protocol: "http1" }],
    weight: weights === "equal" ? 100 : 50 + (index % 5) * 50,
    priority: 0,
    locality: { region: "", zone: "", subZone: "" },
    state: "healthy",
    metadata: new Map(),
    hash: BigInt(index),
    operatorRevision: 0,
  };
}

/** A service in use: some requests are in flight, and response times are known. */
function serviceOf(policy: PolicyName, size: number, weights: PickWeights): UpstreamService {
  const service = new UpstreamService("default/bench" as ServiceKey, {
    policy,
    connectTimeoutMs: 1_000,
    requestTimeoutMs: 15_000,
    idleTimeoutMs: 60_000,
    retryAttempts: 2,
    maxConnectionsPerEndpoint: 1_024,
  });
  service.update(Array.from({ length: size }, (_, index) => endpoint(index, weights)));
  for (const load of service.candidates) {
    service.begin(load, 0);
    service.end(load, "success", 0, 1 + random() * 20);
    for (let inFlight = Math.floor(random() * 4); inFlight > 0; inFlight--) service.begin(load, 0);
  }
  return service;
}

function pickBatch(service: UpstreamService, nowMs: number, count: number): void {
  for (let i = 0; i < count; i++) {
    sink += service.pick(nowMs, random, Math.imul(i, 0x9e3779b1), NOTHING_TRIED)?.inFlight ?? 1;
  }
}

function roundTripBatch(service: UpstreamService, nowMs: number, count: number): void {
  for (let i = 0; i < count; i++) {
    const load = service.pick(nowMs, random, Math.imul(i, 0x9e3779b1), NOTHING_TRIED);
    if (load === undefined) throw new Error("nobody to pick");
    service.begin(load, nowMs);
    service.end(load, "success", nowMs - 3, nowMs);
  }
}

let next = 0;

function indexBatch(service: UpstreamService, _nowMs: number, count: number): void {
  const loads = service.candidates;
  for (let i = 0; i < count; i++) sink += loads[next++ % loads.length]?.inFlight ?? 1;
}

type Batch = typeof pickBatch;

/** Nanoseconds per step, over about `ROUND_MS`. */
function time(batch: Batch, service: UpstreamService, steps: number): number {
  const batches = Math.max(1, Math.round(steps / BATCH));
  const size = Math.min(BATCH, steps);
  const startedAt = performance.now();
  for (let i = 0; i < batches; i++) batch(service, 1_000 + i, size);
  return ((performance.now() - startedAt) * 1e6) / (batches * size);
}

function stepsPerRound(batch: Batch, service: UpstreamService): number {
  const probe = time(batch, service, 200);
  return Math.min(2_000_000, Math.max(20, Math.round((ROUND_MS * 1e6) / probe)));
}

/** Bytes that a pick allocates: no collection may fall between the two readings. */
async function bytesPerPick(service: UpstreamService, picks: number): Promise<number> {
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  globalThis.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 20));
  observer.observe({ entryTypes: ["gc"] });
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < picks / BATCH; i++) pickBatch(service, 1_000 + i, BATCH);
  const after = process.memoryUsage().heapUsed;
  await new Promise((resolve) => setTimeout(resolve, 20));
  observer.disconnect();
  if (collections > 0) throw new Error("a collection ran while bytes were counted");
  return (after - before) / picks;
}

function warmUp(size: number, weights: PickWeights): void {
  for (const policy of POLICY_NAMES) {
    const service = serviceOf(policy, Math.min(size, 100), weights);
    for (const batch of [pickBatch, roundTripBatch, indexBatch]) {
      for (let i = 0; i < WARM_UP_PICKS / BATCH; i++) batch(service, i, BATCH);
    }
  }
}

async function main(): Promise<void> {
  const [policy, sizeText, weights, roundsText] = process.argv.slice(2);
  const size = Number(sizeText);
  warmUp(size, weights as PickWeights);
  const service = serviceOf(policy as PolicyName, size, weights as PickWeights);
  const batches = { baseline: indexBatch, pick: pickBatch, round: roundTripBatch };
  const steps = {
    baseline: stepsPerRound(indexBatch, service),
    pick: stepsPerRound(pickBatch, service),
    round: stepsPerRound(roundTripBatch, service),
  };
  const times = { baseline: [] as number[], pick: [] as number[], round: [] as number[] };
  for (let round = -2; round < Number(roundsText); round++) {
    for (const kind of ["baseline", "pick", "round"] as const) {
      const ns = time(batches[kind], service, steps[kind]);
      if (round >= 0) times[kind].push(ns);
    }
  }
  const pickNs = median(times.pick);
  const figures: PickFigures = {
    baselineNs: median(times.baseline),
    pickNs,
    roundNs: median(times.round),
    bytes: await bytesPerPick(service, pickNs > SLOW_NS ? SLOW_BYTES_PICKS : BYTES_PICKS),
  };
  if (Number.isNaN(sink)) throw new Error("unreachable: keeps the loops from being dropped");
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

await main();
