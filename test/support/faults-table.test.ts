import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { FAULTS } from "../simulation/plan.ts";
import { repositoryFile } from "./text-fences.ts";

/** docs/faults.md says where each fault is tested: it must not claim a test that is gone. */

const WANTED = [
  ...["A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A10"],
  ...Array.from({ length: 14 }, (_, i) => `B${i + 1}`),
  ...Array.from({ length: 10 }, (_, i) => `C${i + 1}`),
  ...Array.from({ length: 7 }, (_, i) => `D${i + 1}`),
  ...["F1", "F3", "F4", "F5", "F6"],
];

interface Row {
  readonly id: string;
  readonly cells: readonly string[];
  readonly references: readonly string[];
}

const rows: readonly Row[] = read("docs/faults.md")
  .split("\n")
  .filter((line) => /^\| [A-Z]\d+ \|/.test(line))
  .map((line) => {
    const cells = line.split("|").slice(1, -1).map(trimmed);
    return { id: cells[0] ?? "", cells, references: (cells[3] ?? "").split("<br>") };
  });

function trimmed(text: string): string {
  return text.trim();
}

function read(path: string): string {
  return readFileSync(repositoryFile(path), "utf8");
}

/** Steps of the compose test say themselves what they look at. */
const composeSteps = `${read("scripts/compose-faults.mjs")}${read("scripts/compose-test.mjs")}`;

/** Each kind of reference, and whether what it names exists. */
const KINDS: Readonly<Record<string, (name: string) => boolean>> = {
  simulation: (names) => names.split(", ").every((name) => FAULTS.some((fault) => fault === name)),
  e2e: (name) => existsSync(repositoryFile(`test/e2e/${name}.ts`)),
  bench: (name) => existsSync(repositoryFile(`bench/${name}.ts`)),
  compose: (step) => composeSteps.includes(step),
};

function exists(reference: string): boolean {
  const [, path, name] = /^`([^`]+\.test\.ts)` "(.+)"$/.exec(reference) ?? [];
  if (path !== undefined && name !== undefined) {
    return existsSync(repositoryFile(path)) && read(path).includes(name);
  }
  const [, kind = "", what = ""] = /^(\w+): (.+)$/.exec(reference) ?? [];
  return KINDS[kind]?.(what) ?? false;
}

test("every fault has a row of five columns, a promise and a test", () => {
  expect(rows.map(({ id }) => id)).toEqual(WANTED);
  for (const { id, cells, references } of rows) {
    expect([id, cells.length]).toEqual([id, 5]);
    expect(cells[2], id).not.toBe("");
    expect(references.length, id).toBeGreaterThan(0);
  }
});

test.each(rows)("what $id names exists", ({ references }) => {
  expect(references.filter((reference) => !exists(reference))).toEqual([]);
});

test("a test that is gone would be found", () => {
  expect(exists('`src/core/registry/expiry.test.ts` "nobody wrote this"')).toBe(false);
  expect(exists("simulation: meteorite")).toBe(false);
  expect(exists("e2e: nowhere")).toBe(false);
});
