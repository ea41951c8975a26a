import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";

/**
 * Rules that never fire look like rules that are kept: each case plants one file that breaks a rule
 * into a copy of the layout, and the rule must say so.
 */
const root = fileURLToPath(new URL("../..", import.meta.url));
const cruiser = join(root, "node_modules/dependency-cruiser/bin/dependency-cruiser.mjs");

/** Files that the planted ones import; they break nothing. */
const INNOCENT: Record<string, string> = {
  "src/core/model/noun.ts": "export const noun = 1;\n",
  "src/core/balancing/pick.ts":
    'import { noun } from "../model/noun.ts";\nexport const pick = noun;\n',
  "src/io/wire/wire.ts": 'import { gen } from "../../gen/gen.ts";\nexport const wire = gen;\n',
  "src/io/grpc/server.ts": 'import { wire } from "../wire/wire.ts";\nexport const server = wire;\n',
  "src/io/http/listener.ts": "export const listener = 1;\n",
  "src/gen/gen.ts": "export const gen = 1;\n",
  "src/ports/clock.ts": 'import type { Duplex } from "node:stream";\nexport type Clock = Duplex;\n',
  "src/data-plane/path.ts":
    'import { pick } from "../core/balancing/pick.ts";\nexport const path = pick;\n',
  "src/apps/agent/main.ts":
    'import { listener } from "../../io/http/listener.ts";\nexport const runAgent = listener;\n',
  "src/apps/agent/start.ts": "export const start = 1;\n",
  "src/apps/cli/verb.ts": 'export const verb = (): unknown => import("../agent/main.ts");\n',
};

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "weir-rules-"));
  await cp(join(root, "tsconfig.json"), join(directory, "tsconfig.json"));
  await plant(INNOCENT);
});

afterEach(() => rm(directory, { recursive: true, force: true }));

async function plant(files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text);
  }
}

/** Names of the rules that the planted tree breaks. */
async function brokenRules(): Promise<string[]> {
  const config = join(root, ".dependency-cruiser.mjs");
  const args = [cruiser, "--config", config, "--output-type", "json", "src"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: directory });
  const { summary } = JSON.parse(stdout) as {
    summary: { totalCruised: number; violations: { rule: { name: string } }[] };
  };
  expect(summary.totalCruised).toBeGreaterThanOrEqual(Object.keys(INNOCENT).length);
  return [...new Set(summary.violations.map(({ rule }) => rule.name))];
}

test("a layout that keeps the rules breaks none", async () => {
  expect(await brokenRules()).toEqual([]);
});

test.each([
  { rule: "core-stays-pure", file: "src/core/model/bad.ts", imports: "node:fs" },
  { rule: "core-stays-pure", file: "src/core/model/bad.ts", imports: "../../io/http/listener.ts" },
  { rule: "model-is-the-root", file: "src/core/model/bad.ts", imports: "../balancing/pick.ts" },
  {
    rule: "core-concepts-are-siblings",
    file: "src/core/health/bad.ts",
    imports: "../balancing/pick.ts",
  },
  { rule: "ports-hold-types-only", file: "src/ports/bad.ts", imports: "node:net" },
  { rule: "ports-only-name-core-types", file: "src/ports/bad.ts", imports: "../io/wire/wire.ts" },
  {
    rule: "only-main-wires-io",
    file: "src/apps/agent/bad.ts",
    imports: "../../io/http/listener.ts",
  },
  { rule: "apps-are-siblings", file: "src/apps/agent/bad.ts", imports: "../cli/verb.ts" },
  { rule: "cli-and-dev-start-programs", file: "src/apps/dev/bad.ts", imports: "../agent/start.ts" },
  { rule: "programs-start-lazily", file: "src/apps/cli/bad.ts", imports: "../agent/main.ts" },
  {
    rule: "io-does-not-know-apps",
    file: "src/io/http/bad.ts",
    imports: "../../apps/agent/start.ts",
  },
  {
    rule: "io-does-not-know-apps",
    file: "src/io/http/bad.ts",
    imports: "../../data-plane/path.ts",
  },
  {
    rule: "data-plane-is-shared",
    file: "src/data-plane/bad.ts",
    imports: "../io/http/listener.ts",
  },
  {
    rule: "data-plane-is-shared",
    file: "src/data-plane/bad.ts",
    imports: "../apps/agent/start.ts",
  },
  { rule: "io-technologies-are-siblings", file: "src/io/http/bad.ts", imports: "../wire/wire.ts" },
  { rule: "io-shares-wire-only", file: "src/io/grpc/bad.ts", imports: "../http/listener.ts" },
  { rule: "gen-only-through-wire", file: "src/io/http/bad.ts", imports: "../../gen/gen.ts" },
])("$rule: $file may not import $imports", async ({ rule, file, imports }) => {
  await plant({ [file]: `import * as bad from "${imports}";\nexport const used = bad;\n` });
  expect(await brokenRules()).toContain(rule);
});
