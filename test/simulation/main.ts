/** `npm run simulate -- [--seeds N] [--first SEED] [--seed SEED] [--replicas N] [--break NAME] [--json]`. */
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { BREAKS } from "./breaks.ts";
import { FAULTS, type Plan, planOf } from "./plan.ts";
import { shrink } from "./shrink.ts";
import { kindOf } from "./violation-kind.ts";
import type { Order, Outcome } from "./worker.ts";

const USAGE = `usage: npm run simulate -- [--seeds N] [--first SEED] [--seed SEED] [--replicas N] [--break ${Object.keys(BREAKS).join("|")}] [--json]`;

/** Failing seeds that are named; more of them say nothing new. */
const MAX_NAMED = 20;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "1000" },
      first: { type: "string", default: "1" },
      seed: { type: "string" },
      replicas: { type: "string", default: "0" },
      break: { type: "string", default: "" },
      json: { type: "boolean", default: false },
    },
  });
  const numbers = [values.seeds, values.first, values.seed ?? "0", values.replicas].map(Number);
  const isKnown = values.break === "" || Object.hasOwn(BREAKS, values.break);
  if (!isKnown || !numbers.every((number) => Number.isSafeInteger(number) && number >= 0)) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const [seeds = 0, first = 0, seed = 0, replicas = 0] = numbers;
  if (values.seed !== undefined) return explain(planOf(seed, replicas), values.break);

  const startedMs = performance.now();
  const outcomes = await runAll({ first, count: seeds, every: 1, planted: values.break, replicas });
  const seconds = (performance.now() - startedMs) / 1_000;
  const failed = outcomes.filter(({ violation }) => violation !== undefined);
  for (const [kind, seedsOf] of kindsOf(failed)) {
    process.stderr.write(`${seedsOf.length} x ${kind}: ${seedsOf.slice(0, MAX_NAMED).join(" ")}\n`);
  }
  const worst = failed[0];
  if (worst !== undefined) await explain(planOf(worst.seed, replicas), values.break);
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
async function explain(whole: Plan, planted: string): Promise<number> {
  const { seed, replicaCount } = whole;
  const { plan, result } = await shrink(whole, BREAKS[planted]);
  const say = (line: string): boolean => process.stderr.write(`${line}\n`);
  if (result.violation === undefined) {
    say(`seed ${seed}: nothing is wrong`);
    return 0;
  }
  const kinds = [...new Set(plan.steps.map(({ kind }) => kind))].join(", ");
  say(
    `seed ${seed}, ${replicaCount} replicas, ${plan.steps.length} steps that are enough (${kinds}):`,
  );
  for (const line of result.trace) say(line);
  say(`seed ${seed}: ${result.violation}`);
  return 1;
}

/** The failing seeds by what went wrong, most of them first. */
function kindsOf(failed: readonly Outcome[]): [string, number[]][] {
  const kinds = new Map<string, number[]>();
  for (const { seed, violation = "" } of failed) {
    const kind = kindOf(violation);
    kinds.set(kind, [...(kinds.get(kind) ?? []), seed]);
  }
  return [...kinds].sort(([, a], [, b]) => b.length - a.length);
}

/** Spreads the seeds over the cores. */
async function runAll(whole: Order): Promise<Outcome[]> {
  const every = Math.min(availableParallelism(), Math.max(1, whole.count));
  const outcomes: Outcome[] = [];
  await Promise.all(
    Array.from({ length: every }, (_, i) => {
      const order = { ...whole, first: whole.first + i, count: whole.count - i, every };
      return runWorker(order, (outcome) => {
        outcomes.push(outcome);
        const { seed, violation } = outcome;
        if (violation !== undefined) process.stderr.write(`seed ${seed}: ${violation}\n`);
      });
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
