import { beforeEach, expect, test } from "vitest";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import { FakeLog } from "../../../test/support/fake-streams.ts";
import { serviceKey } from "../../core/model/names.ts";
import { KEEP_HISTORY_MS } from "../../core/policies/over-policies.ts";
import type { PolicyRevision } from "../../core/policies/service-policy.ts";
import type { PolicyClearing } from "../../ports/policy-clearing.ts";
import { PolicyJanitor } from "./policy-janitor.ts";

const HOUR_MS = 60 * 60 * 1_000;

/** Of what was taken away; notes what it was told to clear. */
class FakePolicies implements PolicyClearing {
  readonly calls: string[] = [];
  kept: PolicyRevision[] = [];
  /** Called while a write is under way. */
  meanwhile: () => void = () => undefined;

  latest(): readonly PolicyRevision[] {
    return this.kept;
  }

  async clear(over: PolicyRevision, term: number): Promise<boolean> {
    this.calls.push(`${over.key} ${over.revision} term ${term}`);
    this.meanwhile();
    this.kept = this.kept.filter((one) => one !== over);
    return true;
  }
}

let clock: FakeClock;
let policies: FakePolicies;
let log: FakeLog;
let term: number | undefined;
let janitor: PolicyJanitor;

beforeEach(() => {
  clock = new FakeClock();
  policies = new FakePolicies();
  log = new FakeLog();
  term = 7;
  policies.kept = ["a", "b"].map((service, index) => ({
    key: serviceKey("default", service),
    policy: undefined,
    revision: index + 1,
    changedAtMs: clock.wallMs() - KEEP_HISTORY_MS,
    changedBy: "ann",
    changeId: service,
    etag: service,
  }));
  janitor = new PolicyJanitor({ leadership: { term: () => term }, policies, clock, log });
});

async function pass(ms: number): Promise<void> {
  clock.advance(ms);
  for (let i = 0; i < 20; i++) await null;
}

test("the leader clears what is over each hour, and says in which term", async () => {
  const [, second] = policies.kept;
  policies.kept.splice(1);
  await pass(HOUR_MS - 1);
  expect(policies.calls).toEqual([]);
  await pass(1);
  expect(policies.calls).toEqual(["default/a 1 term 7"]);
  if (second !== undefined) policies.kept = [second];
  await pass(HOUR_MS);
  expect(policies.calls.slice(1)).toEqual(["default/b 2 term 7"]);
});

test("whoever does not lead clears nothing, until it leads", async () => {
  term = undefined;
  await pass(HOUR_MS);
  expect(policies.calls).toEqual([]);
  term = 9;
  await pass(HOUR_MS);
  expect(policies.calls).toEqual(["default/a 1 term 9", "default/b 2 term 9"]);
});

test("a leader that loses its term while it writes stops", async () => {
  policies.meanwhile = () => {
    term = undefined;
  };
  await pass(HOUR_MS);
  expect(policies.calls).toEqual(["default/a 1 term 7"]);
});

test("what fails is tried again an hour later", async () => {
  policies.meanwhile = () => {
    throw new Error("no quorum");
  };
  await pass(HOUR_MS);
  expect(policies.calls).toHaveLength(1);
  expect(log.lines.join("\n")).toMatch(/could not be cleared/);
  policies.meanwhile = () => undefined;
  await pass(HOUR_MS);
  expect(policies.calls.slice(1)).toEqual(["default/a 1 term 7", "default/b 2 term 7"]);
});

test("stopped, it begins nothing more", async () => {
  policies.meanwhile = () => janitor.stop();
  await pass(3 * HOUR_MS);
  expect(policies.calls).toEqual(["default/a 1 term 7"]);
});
