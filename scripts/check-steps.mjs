/** What `npm run check` looks at. Each step is one sentence about the repository that must be true. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { root, runCommand } from "./run-step.mjs";

function command(name, program, ...args) {
  return {
    name,
    async run() {
      const { code, everything } = await runCommand(program, args);
      return { isGood: code === 0, report: everything };
    },
  };
}

/** Reads the result as JSON: with it, dependency-cruiser exits 0 also when rules are broken. */
async function importDirections() {
  const args = ["--config", ".dependency-cruiser.mjs", "--output-type", "json"];
  const { stdout, everything } = await runCommand("depcruise", [...args, "src", "test"]);
  let summary;
  try {
    ({ summary } = JSON.parse(stdout));
  } catch {
    return { isGood: false, report: everything };
  }
  const broken = summary.violations.map(
    ({ rule, from, to, comment }) =>
      `${from} -> ${to}: ${rule.name}${comment ? ` (${comment})` : ""}`,
  );
  // A dependency-cruiser that does not understand the compiler finds no file, and so no fault.
  if (summary.totalCruised === 0) broken.push("no file was looked at");
  return { isGood: summary.error === 0 && summary.totalCruised > 0, report: broken.join("\n") };
}

function filesBelow(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort();
}

/** Generates into a folder of its own and compares: whoever changes a proto must commit what it makes. */
async function generatedCode() {
  const fresh = mkdtempSync(join(tmpdir(), "weir-generated-"));
  try {
    const image = join(fresh, "src/gen/weir.binpb");
    const steps = [
      ["generate", "-o", fresh],
      ["build", "--as-file-descriptor-set", "-o", image],
    ];
    for (const args of steps) {
      const { code, everything } = await runCommand("buf", args);
      if (code !== 0) return { isGood: false, report: everything };
    }
    return compareTrees(join(fresh, "src/gen"), join(root, "src/gen"));
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function compareTrees(fresh, committed) {
  const names = new Set([...filesBelow(fresh), ...filesBelow(committed)]);
  const different = [...names].filter((name) => {
    try {
      return !readFileSync(join(fresh, name)).equals(readFileSync(join(committed, name)));
    } catch {
      return true;
    }
  });
  const lines = different.map((name) => `src/gen/${name} is not what the protos generate`);
  if (lines.length > 0) lines.push("run `npm run generate` and commit what changes");
  return { isGood: lines.length === 0, report: lines.join("\n") };
}

/** Without the tests, which take longer and count themselves. */
export const staticSteps = [
  command("format and lint", "biome", "ci", "--colors=off", "--error-on-warnings", "."),
  command("types of core, without Node", "tsc", "-p", "tsconfig.core.json"),
  command("types", "tsc", "--noEmit"),
  { name: "import directions", run: importDirections },
  command("dead code", "knip"),
  command("dead code that ships", "knip", "--production"),
  command("protos", "buf", "lint"),
  { name: "generated code", run: generatedCode },
];
