import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ALL_RULES } from "../../src/apps/cli/check/rules.ts";
import { repositoryFile } from "./text-fences.ts";

/** docs/operating.md: what it tells people to look at exists under that name. */

const text = readFileSync(repositoryFile("docs/operating.md"), "utf8");

const sources = readdirSync(repositoryFile("src"), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts") && !path.startsWith("gen/"))
  .map((path) => readFileSync(join(repositoryFile("src"), path), "utf8"))
  .join("\n");

function found(pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, name = ""]) => name))];
}

test("every figure that it watches is one that a replica serves", () => {
  const names = found(/\b((?:weir|nodejs)_[a-z_]+?)(?:_bucket)?\b/g).filter(
    (name) => name !== "weir_",
  );
  expect(names.length).toBeGreaterThan(15);
  expect(names.filter((name) => !sources.includes(`"${name}"`))).toEqual([]);
});

test("every finding of weir check that it names is a rule", () => {
  const ids = new Set<string>(ALL_RULES.map(({ id }) => id));
  const prefixes = ["member", "nats", "policies", "policy", "expiry", "cluster", "jetstream"];
  const named = found(/`([a-z]+(?:-[a-z]+)+)`/g).filter((name) =>
    prefixes.includes(name.split("-")[0] ?? ""),
  );
  const others = new Set(["policies-last-good", "nats-server"]);
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter((name) => !ids.has(name) && !others.has(name))).toEqual([]);
});

test("every flag of weir server that it shows is one", () => {
  const flags = found(/(--(?:nats|policy|cluster|advertise|replica|settle|state)[a-z-]*)/g);
  const others = new Set(["--nats-monitor"]);
  expect(flags.length).toBeGreaterThan(8);
  expect(flags.filter((flag) => !others.has(flag) && !sources.includes(`"${flag} <`))).toEqual([]);
});
