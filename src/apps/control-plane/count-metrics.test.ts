import { beforeEach, expect, test } from "vitest";
import { aLease } from "../../../test/support/builders.ts";
import { aControlPlane, anInput, TestAgent } from "../../../test/support/control-plane.ts";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import { serverMetrics } from "./metrics.ts";
import type { ControlPlane } from "./start.ts";

let clock: FakeClock;
let plane: ControlPlane;

beforeEach(() => {
  clock = new FakeClock();
  plane = aControlPlane(clock);
});

/** The samples of one figure, without its name. */
function samples(name: string): string[] {
  return serverMetrics(plane)
    .split("\n")
    .filter((line) => line.startsWith(name))
    .map((line) => line.slice(name.length).trim());
}

test("leases that end are counted by why, and both reasons are there before any does", () => {
  const expired = () => samples("weir_leases_expired_total");
  expect(expired()).toEqual(['{reason="silent"} 0', '{reason="refused"} 0']);
  // So many that two may go.
  const ids = Array.from({ length: 10 }, (_, i) => `i${i}`);
  for (const id of ids) plane.replica.register(anInput({ id }));
  const renew = () => void plane.replica.renew(ids.slice(1).map((id) => aLease(id)));
  for (let s = 0; s < 16; s++) {
    renew();
    clock.advance(1_000);
  }
  expect(expired()).toEqual(['{reason="silent"} 1', '{reason="refused"} 0']);
  const { registry } = plane.replica;
  const record = registry.find(aLease("i1"));
  if (record === undefined) throw new Error("it is gone");
  registry.keepUnder(record, registry.unowned.group);
  registry.unowned.refused(record);
  clock.advance(1_000);
  expect(expired()).toEqual(['{reason="silent"} 1', '{reason="refused"} 1']);
});

test("a watcher that is cut because it acknowledges nothing is counted once", () => {
  plane.replica.register(anInput({ id: "a" }));
  new TestAgent(plane, "slow").watch();
  const well = new TestAgent(plane, "well").watch();
  clock.advance(29_000);
  well.ack();
  expect(samples("weir_watch_slow_closed_total")).toEqual(["0"]);
  clock.advance(10_000);
  expect(samples("weir_watch_slow_closed_total")).toEqual(["1"]);
});
