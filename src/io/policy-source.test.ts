import { renameSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { quietLog } from "../../test/support/control-plane.ts";
import { FakeClock } from "../../test/support/fake-clock.ts";
import { scratchFolder } from "../../test/support/scratch-folder.ts";
import { serviceKey } from "../core/model/names.ts";
import type { PolicyStore } from "../ports/policy-store.ts";
import { readPolicyFile } from "./file/policy-store.ts";
import { openPolicies } from "./policy-source.ts";

const key = serviceKey("default", "orders");
const policy = { namespace: "default", service: "orders", balancing: "random" };

/** Nobody listens there, and nobody needs to. */
const CLUSTER = {
  servers: ["nats://127.0.0.1:1"],
  name: "test",
  inboxPrefix: "weir.test.inbox",
  random: () => 0.5,
  bucket: "weir-policies",
  replicas: 1,
} as const;

function open(stateDir: string | undefined, cluster?: typeof CLUSTER): PolicyStore {
  const common = { stateDir, clock: new FakeClock(), log: quietLog };
  const store = openPolicies(cluster === undefined ? common : { ...common, cluster });
  onTestFinished(() => store.close());
  return store;
}

function apply(store: PolicyStore): Promise<unknown> {
  return store.write({ key, policy, expected: "", changedBy: "ann", changeId: "1" });
}

test("a server is of one kind: memory, file or NATS", () => {
  const kinds = [open(undefined), open(scratchFolder()), open(scratchFolder(), CLUSTER)];
  expect(kinds.map(({ state }) => state.kind)).toEqual(["memory", "file", "nats"]);
});

test("a server's own policies and NATS refuse to start together, with the way out", async () => {
  const folder = scratchFolder();
  await apply(open(folder));
  expect(() => open(folder, CLUSTER)).toThrow(/two sources: .*policies, .*weir policy import/);
  const moved = join(folder, "policies.old");
  renameSync(join(folder, "policies"), moved);
  expect(open(folder, CLUSTER).state.kind).toBe("nats");
  expect(readPolicyFile(moved)).toEqual([policy]);
});

test("a server that was of a cluster does not start alone with other policies", async () => {
  const folder = scratchFolder();
  const alone = open(folder);
  await apply(alone);
  renameSync(join(folder, "policies"), join(folder, "policies-last-good"));
  expect(() => open(folder)).toThrow(/policies of a cluster/);
  expect(open(folder, CLUSTER).get(key)?.policy).toEqual(policy);
});
