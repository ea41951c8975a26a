/** `npm run simulate -- [--seeds N] [--first SEED] [--seed SEED] [--break NAME] [--json]`. */
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { BREAKS } from "./breaks.ts";
import { FAULTS, planOf } from "./plan.ts";
import { shrink } from "./shrink.ts";
import type { Order, Outcome } from "./worker.ts";

const USAGE = `usage: npm run simulate -- [--seeds N] [--first SEED] [--seed SEED] [--break ${Object.keys(BREAKS).join("|")}] [--json]`;

/** Failing seeds that are named; more of them say nothing new. */
const MAX_NAMED = 20;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "1000" },
      first: { type: "string", default: "1" },
      seed: { type: "string" },
      break: { type: "string", default: "" },
      json: { type: "boolean", default: false },
    },
  });
  const numbers = [values.seeds, values.first, values.seed ?? "0"].map(Number);
  const isKnown = values.break === "" || Object.hasOwn(BREAKS, values.break);
  if (!isKnown || !numbers.every((number) => Number.isSafeInteger(number) && number >= 0)) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const [seeds = 0, first = 0, seed = 0] = numbers;
  if (values.seed !== undefined) return explain(seed, values.break);

  const startedMs = performance.now();
  const outcomes = await runAll(first, seeds, values.break);
  const seconds = (performance.now() - startedMs) / 1_000;
  const failed = outcomes.filter(({ violation }) => violation !== undefined);
  for (const { seed: bad, violation } of failed.slice(0, MAX_NAMED)) {
    process.stderr.write(`seed ${bad}: ${violation}\n`);
  }
  const worst = failed[0];
  if (worst !== undefined) await explain(worst.seed, values.break);
  const figures = figuresOf(outcomes, failed.length, seconds);
  if (values.json) {
    const cores = availableParallelism();
    process.stdout.write(`${JSON.stringify({ name: "simulate", cores, figures, peers: {} })}\n`);
  } else {
    for (const [name, figure] of Object.entries(figures))
      process.stdout.write(`${name.padEnd(30)} ${figure}\n`);
  }
  // A planted fault has to be found.
  const isGood = values.break === "" ? failed.length === 0 : failed.length > 0;
  return isGood ? 0 : 1;
}

/** Prints the shortest run that was found for a seed. @returns 1 when it fails. */
async function explain(seed: number, planted: string): Promise<number> {
  const { plan, result } = await shrink(planOf(seed), BREAKS[planted]);
  const say = (line: string): boolean => process.stderr.write(`${line}\n`);
  if (result.violation === undefined) {
    say(`seed ${seed}: nothing is wrong`);
    return 0;
  }
  const kinds = [...new Set(plan.steps.map(({ kind }) => kind))].join(", ");
  say(`seed ${seed}, ${plan.steps.length} steps that are enough (${kinds}):`);
  for (const line of result.trace) say(line);
  say(`seed ${seed}: ${result.violation}`);
  return 1;
}

/** Spreads the seeds over the cores. */
async function runAll(first: number, count: number, planted: string): Promise<Outcome[]> {
  const workers = Math.min(availableParallelism(), Math.max(1, count));
  const outcomes: Outcome[] = [];
  await Promise.all(
    Array.from({ length: workers }, (_, i) => {
      const order: Order = { first: first + i, count: count - i, every: workers, planted };
      return runWorker(order, (outcome) => outcomes.push(outcome));
    }),
  );
  return outcomes.sort((a, b) => a.seed - b.seed);
}

function runWorker(order: Order, hear: (outcome: Outcome) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = fork(new URL("./worker.ts", import.meta.url));
    worker.on("message", (outcome) => hear(outcome as Outcome));
    worker.once("error", reject);
    worker.once("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`a worker ended with ${code}`));
    });
    worker.send(order);
  });
}

function figuresOf(
  outcomes: readonly Outcome[],
  violations: number,
  seconds: number,
): Record<string, number> {
  const fired = new Map<string, number>(FAULTS.map((fault) => [`faults_${fault}`, 0]));
  for (const outcome of outcomes) {
    for (const [fault, count] of outcome.fired) {
      fired.set(`faults_${fault}`, (fired.get(`faults_${fault}`) ?? 0) + count);
    }
  }
  return {
    seeds: outcomes.length,
    violations,
    seeds_per_s: Math.round((10 * outcomes.length) / seconds) / 10,
    steps_per_seed: Math.min(...outcomes.map(({ stepCount }) => stepCount)),
    converged_ms_max: Math.max(...outcomes.map(({ convergedMs }) => convergedMs)),
    ...Object.fromEntries(fired),
  };
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
