import { describe, expect, test } from "vitest";
import { MeshTruth } from "./mesh-truth.ts";
import { type SeenChange, WatcherCheck } from "./watcher-check.ts";

const KEY = "orders/a";

function one(registrationId: string) {
  return { service: "orders", id: "a", registrationId };
}

function aTruth() {
  let nowMs = 0;
  const truth = new MeshTruth(() => nowMs);
  return { truth, wait: (ms: number) => (nowMs += ms) };
}

function live(truth: MeshTruth, registrationId: string): void {
  truth.starting(one(registrationId));
  truth.live(registrationId);
}

describe("the truth of an id", () => {
  test("may be seen while it starts, and has to be once it is confirmed", () => {
    const { truth } = aTruth();
    truth.starting(one("r1"));
    expect([truth.judge(KEY, undefined), truth.judge(KEY, "r1")]).toEqual(["right", "right"]);
    truth.live("r1");
    expect([truth.judge(KEY, undefined), truth.judge(KEY, "r1")]).toEqual(["lost", "right"]);
    expect(truth.judge(KEY, "r0")).toBe("zombie");
  });

  test("may be seen or not while it leaves, and not once that is confirmed", () => {
    const { truth } = aTruth();
    live(truth, "r1");
    truth.leaving("r1");
    expect([truth.judge(KEY, undefined), truth.judge(KEY, "r1")]).toEqual(["right", "right"]);
    expect(truth.unconfirmed()).toMatchObject([{ registrationId: "r1" }]);
    truth.gone("r1");
    expect([truth.judge(KEY, undefined), truth.judge(KEY, "r1")]).toEqual(["right", "zombie"]);
    expect(truth.unconfirmed()).toEqual([]);
  });

  test("a successor ends its predecessor when it is confirmed", () => {
    const { truth } = aTruth();
    live(truth, "r1");
    truth.starting(one("r2"));
    expect(["r1", "r2", undefined].map((seen) => truth.judge(KEY, seen))).toEqual(
      Array(3).fill("right"),
    );
    expect(truth.live("r2")).toMatchObject([{ registrationId: "r1" }]);
    expect(["r1", "r2", undefined].map((seen) => truth.judge(KEY, seen))).toEqual([
      "zombie",
      "right",
      "lost",
    ]);
    expect(truth.liveOf("orders")).toMatchObject([{ registrationId: "r2" }]);
  });

  test("a confirmation that comes after the wish to end changes nothing", () => {
    const { truth } = aTruth();
    truth.starting(one("r1"));
    truth.leaving("r1");
    truth.live("r1");
    expect(truth.phaseOf("r1")).toBe("leaving");
  });

  test("is recent for as long as asked", () => {
    const { truth, wait } = aTruth();
    live(truth, "r1");
    wait(999);
    expect([truth.isRecent(KEY, 1_000), truth.isRecent("orders/b", 1_000)]).toEqual([true, false]);
    wait(1);
    expect(truth.isRecent(KEY, 1_000)).toBe(false);
    truth.touched(one("r1"));
    expect(truth.isRecent(KEY, 1_000)).toBe(true);
  });
});

describe("what a watcher sees", () => {
  function watching() {
    const { truth } = aTruth();
    const check = new WatcherCheck(truth);
    check.watches("w", ["orders"]);
    const see = (kind: SeenChange["kind"], registrationId: string, isDraining = false) =>
      check.saw("w", [{ kind, isDraining, ...one(registrationId) }]);
    const counts = () => [check.shrinks, check.resurrected];
    live(truth, "r1");
    see("added", "r1");
    return { truth, check, see, counts };
  }

  test("a removal with a cause is none of the two faults, and one without a cause is a shrink", () => {
    const { truth, see, counts, check } = watching();
    see("removed", "r1");
    expect(counts()).toEqual([1, 0]);
    expect(check.lines[0]).toContain("orders/a: w lost r1, which is live");
    see("added", "r1");
    truth.leaving("r1");
    see("removed", "r1");
    expect(counts()).toEqual([1, 0]);
  });

  test("what left on its way out and is seen again is resurrected", () => {
    const { truth, see, counts } = watching();
    truth.leaving("r1");
    see("removed", "r1");
    see("added", "r1");
    expect(counts()).toEqual([0, 1]);
  });

  test("what expired there may be seen again until the news of its end come", () => {
    const { truth, check, see, counts } = watching();
    truth.leaving("r1");
    check.saw("w", [{ kind: "removed", isDraining: false, isExpired: true, ...one("r1") }]);
    truth.gone("r1");
    see("added", "r1");
    expect(counts()).toEqual([0, 0]);
    expect(check.mismatches(0)).toEqual(["w orders/a zombie r1"]);
    see("removed", "r1");
    see("added", "r1");
    expect(counts()).toEqual([0, 1]);
  });

  test("a predecessor that comes back is resurrected, and its successor lost", () => {
    const { truth, check, counts, see } = watching();
    live(truth, "r2");
    const swap = (from: string, to: string): void => {
      const [removed, added] = [
        { kind: "removed", isDraining: false, ...one(from) } as const,
        { kind: "added", isDraining: false, ...one(to) } as const,
      ];
      check.saw("w", [removed, added]);
    };
    swap("r1", "r2");
    expect(counts()).toEqual([0, 0]);
    swap("r2", "r1");
    expect(counts()).toEqual([1, 1]);
    see("changed", "r1");
    expect(counts()).toEqual([1, 1]);
  });

  test("a drain that is forgotten is a resurrection", () => {
    const { see, counts } = watching();
    see("changed", "r1", true);
    see("changed", "r1", true);
    expect(counts()).toEqual([0, 0]);
    see("changed", "r1");
    expect(counts()).toEqual([0, 1]);
  });

  test("names what differs from the truth, except what changed just now", () => {
    const { truth, check, see } = watching();
    expect(check.mismatches(0)).toEqual([]);
    live(truth, "r2");
    expect(check.mismatches(0)).toEqual(["w orders/a zombie r1"]);
    expect(check.mismatches(1)).toEqual([]);
    see("removed", "r1");
    expect(check.mismatches(0)).toEqual(["w orders/a lost undefined"]);
  });
});
