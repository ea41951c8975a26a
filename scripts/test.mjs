/**
 * `npm test`: the check, then every layer of tests, slowest last. Ends with one plain line,
 * `N passed, N failed, N skipped`, that adds all of them up.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { runCheck } from "./check.mjs";
import { readCounts, root, runCommand } from "./run-step.mjs";
import { installCommand, missingTools } from "./test-tools.mjs";

/** In this order: what fails cheaply fails first. Unit and contract tests are part of the check. */
const LAYERS = ["simulation", "integration", "e2e"];

function hasTests(layer) {
  const directory = join(root, "test", layer);
  return (
    existsSync(directory) &&
    readdirSync(directory, { recursive: true }).some((name) => name.endsWith(".test.ts"))
  );
}

async function runLayer(layer) {
  process.stdout.write(`\n${layer} tests\n`);
  const { code, everything } = await runCommand("vitest", ["run", "--project", layer], {
    onOutput: (text) => process.stdout.write(text),
  });
  const counts = readCounts(everything) ?? { passed: 0, failed: 0, skipped: 0 };
  const isExplained = code === 0 || counts.failed > 0;
  return isExplained ? counts : { ...counts, failed: counts.failed + 1 };
}

function add(a, b) {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  };
}

/** In CI a missing tool is a failure: a test that is skipped there is a test that nobody runs. */
function checkTools() {
  const missing = missingTools();
  if (missing.length === 0) return 0;
  process.stdout.write(
    `${missing.join(" and ")} not found: tests that need them are skipped. To run them: ${installCommand(missing)}\n`,
  );
  return process.env.CI === "true" ? missing.length : 0;
}

const { failures, counts } = await runCheck();
let total = { ...counts, failed: counts.failed + checkTools() };
for (const layer of LAYERS.filter(hasTests)) total = add(total, await runLayer(layer));
if (failures.length > 0) process.stdout.write(`check failed: ${failures.join(", ")}\n`);
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
