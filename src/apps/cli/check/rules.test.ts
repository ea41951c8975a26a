import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { AGENTS_FAULTS } from "../../../../test/support/check/agents-faults.ts";
import {
  agents,
  type Change,
  cluster,
  orders,
  server,
} from "../../../../test/support/check/changes.ts";
import { aBus, aCluster, aMember } from "../../../../test/support/check/cluster.ts";
import { CLUSTER_FAULTS } from "../../../../test/support/check/cluster-faults.ts";
import { CONNECTION_FAULTS } from "../../../../test/support/check/connection-faults.ts";
import { wellFacts } from "../../../../test/support/check/facts.ts";
import { NATS_FAULTS } from "../../../../test/support/check/nats-faults.ts";
import { SERVER_FAULTS } from "../../../../test/support/check/server-faults.ts";
import { SERVICES_FAULTS } from "../../../../test/support/check/services-faults.ts";
import type { CheckFacts } from "./facts.ts";
import { type Finding, judge } from "./rule.ts";
import { ALL_RULES } from "./rules.ts";

/** At least one record of facts for every rule, and one for every severity of it. */
const FAULTS = [
  ...CONNECTION_FAULTS,
  ...SERVER_FAULTS,
  ...NATS_FAULTS,
  ...CLUSTER_FAULTS,
  ...SERVICES_FAULTS,
  ...AGENTS_FAULTS,
];

function findings(change: Change): readonly Finding[] {
  return judge(ALL_RULES, change(wellFacts())).findings;
}

test("nothing is found in a mesh that is well, and everything was looked at", () => {
  const { findings: found, notChecked } = judge(ALL_RULES, wellFacts());
  expect(found).toEqual([]);
  expect(notChecked).toEqual([]);
});

test.each(FAULTS)("$id is found: $says", ({ id, change, says, mends, severity }) => {
  const rule = ALL_RULES.find((one) => one.id === id);
  const found = findings(change).filter((finding) => finding.id === id);
  expect(found).toHaveLength(1);
  expect(found[0]?.severity).toBe(severity ?? rule?.severity);
  expect(found[0]?.what).toMatch(says);
  expect(found[0]?.fix).toMatch(mends);
});

test("every rule has a fault that it finds", () => {
  const tested = new Set(FAULTS.map(({ id }) => id));
  expect(ALL_RULES.map(({ id }) => id).filter((id) => !tested.has(id))).toEqual([]);
});

describe("a fault does not accuse others", () => {
  /** Faults that are more than one thing. */
  const SEVERAL: Readonly<Record<string, readonly string[]>> = {
    "expiry-frozen": ["lease-overdue"],
    // The agent on another machine cannot reach the instances either.
    "advertise-loopback": ["loopback-address"],
    // It is the last one because another one is unhealthy.
    "last-endpoint-draining": ["instance-unhealthy"],
  };
  test.each(FAULTS)("$id: $says", ({ id, change }) => {
    const others = findings(change)
      .map((finding) => finding.id)
      .filter((other) => other !== id && !SEVERAL[id]?.includes(other));
    expect(others).toEqual([]);
  });
});

test("without facts a rule says that it did not look", () => {
  const nothing: CheckFacts = {
    ...wellFacts(),
    clock: undefined,
    server: undefined,
    cluster: undefined,
    natsServers: undefined,
    adminPort: undefined,
    agents: undefined,
    services: undefined,
    agent: undefined,
    takenPorts: undefined,
  };
  const { checked, notChecked } = judge(ALL_RULES, nothing);
  expect(checked).not.toContain("expiry-frozen");
  expect(notChecked).toEqual(
    expect.arrayContaining(["expiry-frozen", "agent-not-ready", "clock-offset", "limit-near"]),
  );
});

test("a person who reads slowly is no stale agent", () => {
  expect(
    findings(agents({}, { id: "watch-1", role: "observer", state: "stale", lagMs: 9_000 })),
  ).toEqual([]);
});

test("whoever has lost the bus accuses nobody of silence", () => {
  const silent = aMember({ id: "x", address: "x:1", state: "suspect", silentMs: 7_000 });
  const lost = aBus({ isConnected: false, lastProblemKind: "unreachable" });
  const found = findings(cluster({ members: [...aCluster().members, silent], bus: lost }));
  expect(found.map(({ id }) => id)).toEqual(["nats-unreachable"]);
});

test("errors come first", () => {
  const found = findings((well) => agents({ state: "nacked" })(server({ isSettled: false })(well)));
  expect(found.map(({ severity }) => severity)).toEqual(["error", "warning"]);
});

test("commands name the control plane when it is not the default one", () => {
  const found = findings((well) =>
    orders({ id: "a" })({
      ...well,
      target: { ...well.target, address: "cp:7400", flags: " --server cp:7400" },
    }),
  );
  expect(found.find(({ id }) => id === "single-instance")?.fix).toBe(
    "weir register orders HOST:PORT --server cp:7400",
  );
});

test("ids are unique, and docs/checks.md lists each with its severity and title", () => {
  const ids = ALL_RULES.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const docs = readFileSync(new URL("../../../../docs/checks.md", import.meta.url), "utf8");
  const rows = ALL_RULES.map(
    ({ id, severity, title, why }) => `| \`${id}\` | ${severity} | ${title} | ${why} |`,
  );
  expect(docs.split("\n").filter((line) => line.startsWith("| `"))).toEqual(rows);
});
