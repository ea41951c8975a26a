/**
 * `npm run check`: everything that can be said about the repository in half a minute. Runs every
 * step also after one failed, and ends with the list of those that did.
 */
import { fileURLToPath } from "node:url";
import { staticSteps } from "./check-steps.mjs";
import { readCounts, runCommand } from "./run-step.mjs";

/** Four steps on four cores are about as quick as each alone. */
const STEPS_AT_ONCE = 3;

const testStep = {
  name: "unit and contract tests",
  async run() {
    const { code, everything } = await runCommand("vitest", [
      "run",
      ...["--project", "unit", "--project", "contract"],
    ]);
    const counts = readCounts(everything);
    const isGood = code === 0 && counts !== undefined && counts.passed > 0;
    return { isGood, report: everything, counts };
  },
};

async function runStep(step) {
  const startedAt = performance.now();
  const result = await step.run();
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1).padStart(5);
  process.stdout.write(`${result.isGood ? "ok  " : "FAIL"} ${seconds} s  ${step.name}\n`);
  if (!result.isGood) process.stdout.write(`${result.report.trimEnd()}\n\n`);
  return { name: step.name, ...result };
}

/**
 * @returns counts as a test run has them: a step that fails is a failure, a step that passes is
 * not a test.
 */
export async function runCheck() {
  const waiting = [...staticSteps];
  const results = [];
  const worker = async () => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      results.push(await runStep(step));
    }
  };
  await Promise.all(Array.from({ length: STEPS_AT_ONCE }, worker));
  const tests = await runStep(testStep);
  results.push(tests);
  const failures = results.filter(({ isGood }) => !isGood).map(({ name }) => name);
  const counts = tests.counts ?? { passed: 0, failed: 0, skipped: 0 };
  const stepsOnly = failures.filter((name) => name !== testStep.name || counts.failed === 0);
  return { failures, counts: { ...counts, failed: counts.failed + stepsOnly.length } };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { failures } = await runCheck();
  if (failures.length > 0) {
    process.stdout.write(`check failed: ${failures.join(", ")}\n`);
    process.exitCode = 1;
  }
}
