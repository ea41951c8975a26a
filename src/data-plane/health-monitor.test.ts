import { expect, test } from "vitest";
import { FakeClock } from "../../test/support/fake-clock.ts";
import type { ProbeResult, Prober, ProbeTarget } from "../ports/prober.ts";
import { HealthMonitor, type ProbePlan } from "./health-monitor.ts";
import { proberByKind } from "./prober-by-kind.ts";

const PLAN: ProbePlan = {
  target: { kind: "tcp", host: "127.0.0.1", port: 1 },
  intervalMs: 1_000,
  timeoutMs: 500,
  thresholds: { rise: 2, fall: 3 },
};

/** Answers when the test says so. */
class ManualProber implements Prober {
  readonly asked: { target: ProbeTarget; timeoutMs: number; signal: AbortSignal }[] = [];
  #settle: { resolve: (result: ProbeResult) => void; reject: (error: Error) => void }[] = [];

  probe(target: ProbeTarget, timeoutMs: number, signal: AbortSignal): Promise<ProbeResult> {
    this.asked.push({ target, timeoutMs, signal });
    return new Promise((resolve, reject) => this.#settle.push({ resolve, reject }));
  }

  async answer(ok: boolean): Promise<void> {
    this.#settle.shift()?.resolve({ ok, detail: ok ? "fine" : "down" });
    await flush();
  }

  async reject(): Promise<void> {
    this.#settle.shift()?.reject(new Error("broken prober"));
    await flush();
  }
}

/** Lets everything that follows a settled promise run. */
async function flush(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

interface World {
  clock: FakeClock;
  prober: ManualProber;
  monitor: HealthMonitor;
  changes: string[];
}

function newWorld(draw = 0.5): World {
  const clock = new FakeClock();
  const prober = new ManualProber();
  const changes: string[] = [];
  const monitor = new HealthMonitor({
    clock,
    random: () => draw,
    prober,
    onChange: (key, health, detail) => changes.push(`${key} ${health}: ${detail}`),
  });
  return { clock, prober, monitor, changes };
}

/** One probe for each character: `.` success, `x` failure. */
async function play({ clock, prober }: World, probes: string): Promise<void> {
  for (const probe of probes) {
    await prober.answer(probe === ".");
    clock.advance(1_000);
  }
}

test("probes at once, and says nothing before the first result", async () => {
  const { prober, monitor, changes } = newWorld();
  monitor.add("a", PLAN);
  expect(prober.asked.map(({ target, timeoutMs }) => [target, timeoutMs])).toEqual([
    [PLAN.target, 500],
  ]);
  expect(monitor.healthOf("a")).toBe("unhealthy");
  expect(changes).toEqual([]);
  await prober.answer(true);
  expect(changes).toEqual(["a healthy: fine"]);
  expect(monitor.healthOf("a")).toBe("healthy");
});

test("reports the first failure of an instance that starts, its first success, and no repetition", async () => {
  const world = newWorld();
  world.monitor.add("a", PLAN);
  await play(world, "xxx..");
  expect(world.changes).toEqual(["a unhealthy: down", "a healthy: fine"]);
});

test("follows rise and fall", async () => {
  const world = newWorld();
  world.monitor.add("a", PLAN);
  await play(world, ".xx.xxx.");
  expect(world.changes).toEqual(["a healthy: fine", "a unhealthy: down"]);
  await play(world, ".");
  expect(world.changes.at(-1)).toBe("a healthy: fine");
});

test.each([
  { draw: 0, earliestMs: 900 },
  { draw: 0.5, earliestMs: 1_000 },
  { draw: 0.999, earliestMs: 1_100 },
])("waits about $earliestMs ms from the start of a probe", async ({ draw, earliestMs }) => {
  const { clock, prober, monitor } = newWorld(draw);
  monitor.add("a", PLAN);
  // The answer takes 300 ms: the interval counts from the question.
  clock.advance(300);
  await prober.answer(true);
  clock.advance(earliestMs - 301);
  expect(prober.asked.length).toBe(1);
  clock.advance(2);
  expect(prober.asked.length).toBe(2);
});

test("never has two probes of one instance under way", async () => {
  const { clock, prober, monitor } = newWorld();
  monitor.add("a", PLAN);
  clock.advance(5_000);
  expect(prober.asked.length).toBe(1);
  await prober.answer(false);
  clock.advance(0);
  expect(prober.asked.length).toBe(2);
});

test("removing cancels the probe under way and ignores its result", async () => {
  const { clock, prober, monitor, changes } = newWorld();
  monitor.add("a", PLAN);
  monitor.remove("a");
  expect(prober.asked[0]?.signal.aborted).toBe(true);
  await prober.answer(true);
  clock.advance(10_000);
  expect(changes).toEqual([]);
  expect(prober.asked.length).toBe(1);
});

test("adding again starts anew with the new plan", async () => {
  const { prober, monitor, changes } = newWorld();
  monitor.add("a", PLAN);
  await prober.answer(true);
  monitor.add("a", { ...PLAN, timeoutMs: 77 });
  expect(monitor.healthOf("a")).toBe("unhealthy");
  expect(prober.asked.at(-1)?.timeoutMs).toBe(77);
  await prober.answer(true);
  expect(changes).toEqual(["a healthy: fine", "a healthy: fine"]);
});

test("stop ends every schedule", async () => {
  const { clock, prober, monitor } = newWorld();
  monitor.add("a", PLAN);
  monitor.add("b", PLAN);
  await prober.answer(true);
  monitor.stop();
  clock.advance(10_000);
  expect(prober.asked.length).toBe(2);
});

test("a prober that breaks its promise counts as a failure and is asked again", async () => {
  const { clock, prober, monitor, changes } = newWorld();
  monitor.add("a", PLAN);
  await prober.reject();
  expect(changes).toEqual(["a unhealthy: Error: broken prober"]);
  clock.advance(1_000);
  expect(prober.asked.length).toBe(2);
});

test("a listener may remove the instance", async () => {
  const clock = new FakeClock();
  const prober = new ManualProber();
  const monitor = new HealthMonitor({
    clock,
    random: () => 0.5,
    prober,
    onChange: (key) => monitor.remove(key),
  });
  monitor.add("a", PLAN);
  await prober.answer(true);
  clock.advance(10_000);
  expect(prober.asked.length).toBe(1);
});

test("each kind of target goes to its own prober", async () => {
  const answering = (detail: string): Prober => ({ probe: async () => ({ ok: true, detail }) });
  const prober = proberByKind({
    http: answering("http"),
    tcp: answering("tcp"),
    grpc: answering("grpc"),
  });
  const at = { host: "127.0.0.1", port: 1 };
  const targets: ProbeTarget[] = [
    { kind: "http", path: "/", ...at },
    { kind: "tcp", ...at },
    { kind: "grpc", service: "", ...at },
  ];
  for (const target of targets) {
    expect(await prober.probe(target, 1, new AbortController().signal)).toEqual({
      ok: true,
      detail: target.kind,
    });
  }
});
