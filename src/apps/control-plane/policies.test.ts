import { beforeEach, expect, test } from "vitest";
import { aControlPlane, anInput, TestAgent } from "../../../test/support/control-plane.ts";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import { serviceKey } from "../../core/model/names.ts";
import type { ControlPlane } from "./start.ts";

let clock: FakeClock;
let plane: ControlPlane;
const orders = serviceKey("default", "orders");

beforeEach(() => {
  clock = new FakeClock();
  plane = aControlPlane(clock);
  clock.advance(10);
});

const ANY = { etag: "", isValidateOnly: false, requestId: "", changedBy: "me" };

async function overrule(balancing: string | undefined): Promise<void> {
  if (balancing === undefined) await plane.policies.delete(orders, ANY);
  else await plane.policies.apply({ namespace: "default", service: "orders", balancing }, ANY);
  clock.advance(10);
}

function register(id: string, policy?: string): void {
  const defaults = policy === undefined ? undefined : { protocol: "http2" as const, policy };
  plane.replica.register({ ...anInput({ id, registrationId: `r-${id}` as never }), defaults });
  clock.advance(10);
}

test("an operator's policy outranks what instances say, and gives it back", async () => {
  register("a", "random");
  const agent = new TestAgent(plane, "agent").watch();
  await overrule("peak_ewma");
  await overrule(undefined);
  expect(agent.defaults).toEqual([
    { protocol: "http2", policy: "random" },
    { protocol: "http2", policy: "peak_ewma" },
    { protocol: "http2", policy: "random" },
  ]);
});

test("a policy is there before the first instance, and makes no service by itself", async () => {
  await overrule("peak_ewma");
  const agent = new TestAgent(plane, "agent").watch();
  expect(agent.updates.at(-1)?.exists).toBe(false);
  register("a");
  expect(agent.defaults).toEqual([{ protocol: "http1", policy: "peak_ewma" }]);
  expect(agent.told.at(-1)).toContain("+a:healthy");
});

test("what instances say changes below a policy, and nobody is confused", async () => {
  register("a", "random");
  await overrule("peak_ewma");
  const agent = new TestAgent(plane, "agent").watch();
  register("a", "round_robin");
  await overrule(undefined);
  expect(agent.defaults.map((defaults) => defaults?.policy)).toEqual([
    "peak_ewma",
    "peak_ewma",
    "round_robin",
  ]);
});
