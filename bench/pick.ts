/** What choosing an endpoint costs, by policy and number of endpoints; see README.md. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { median, round } from "./median.ts";
import type { PickFigures, PickWeights } from "./pick-protocol.ts";
import type { BenchResult } from "./result.ts";

const POLICIES = [
  "random",
  "round_robin",
  "weighted_round_robin",
  "least_request",
  "peak_ewma",
  "source_hash",
];
const SIZES = [3, 100, 10_000];

/** Room for what ten million picks could allocate: a collection in between would hide it. */
const NODE_FLAGS = ["--expose-gc", "--min-semi-space-size=512", "--max-semi-space-size=512"];

export interface PickOptions {
  /** Alternating rounds of baseline, pick, and pick with its counts. */
  readonly rounds: number;
  /** Only the policies whose name contains this. */
  readonly only: string;
  readonly say: (line: string) => void;
}

export async function pick(options: PickOptions): Promise<BenchResult> {
  const figures: Record<string, number> = {};
  const baselines: number[] = [];
  for (const policy of POLICIES.filter((name) => name.includes(options.only))) {
    const bytes: number[] = [];
    for (const size of SIZES) {
      const equal = await measure(policy, size, "equal", options.rounds);
      const mixed = await measure(policy, size, "mixed", options.rounds);
      baselines.push(equal.baselineNs, mixed.baselineNs);
      bytes.push(equal.bytes, mixed.bytes);
      figures[`ns_${policy}_${size}`] = round(equal.pickNs);
      figures[`ns_mixed_${policy}_${size}`] = round(mixed.pickNs);
      figures[`ns_attempt_${policy}_${size}`] = round(equal.roundNs);
      options.say(describe(`${policy}, ${size} endpoints`, equal, mixed));
    }
    figures[`bytes_${policy}`] = round(Math.max(...bytes));
  }
  return { figures: { ns_baseline: round(median(baselines)), ...figures }, peers: {} };
}

async function measure(
  policy: string,
  size: number,
  weights: PickWeights,
  rounds: number,
): Promise<PickFigures> {
  const worker = fileURLToPath(new URL("pick-worker.ts", import.meta.url));
  const args = [...NODE_FLAGS, worker, policy, String(size), weights, String(rounds)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as PickFigures;
}

function describe(name: string, equal: PickFigures, mixed: PickFigures): string {
  const above = ({ pickNs, baselineNs }: PickFigures): string => (pickNs - baselineNs).toFixed(1);
  return (
    `${name}: ${above(equal)} ns above ${equal.baselineNs.toFixed(1)}, ` +
    `with mixed weights ${above(mixed)}; with counts ${equal.roundNs.toFixed(0)} ns; ` +
    `${equal.bytes.toFixed(3)} and ${mixed.bytes.toFixed(3)} bytes`
  );
}
