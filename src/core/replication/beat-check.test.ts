import { expect, test } from "vitest";
import { BeatCheck } from "./beat-check.ts";

test("nothing is known before the first heartbeat, and after a new epoch", () => {
  const check = new BeatCheck();
  expect(check.agreement).toBe("unknown");
  check.heard(3, 3, true);
  expect(check.agreement).toBe("agrees");
  check.forget();
  expect(check.agreement).toBe("unknown");
});

test("one mismatch may be a message on its way, two are a difference", () => {
  const check = new BeatCheck();
  check.heard(3, 3, true);
  expect(check.heard(4, 4, false)).toBeUndefined();
  expect(check.agreement).toBe("agrees");
  expect(check.heard(4, 4, false)).toBe("differs");
  expect(check.agreement).toBe("differs");
  expect(check.mismatchCount).toBe(2);
  check.repaired();
  expect(check.heard(4, 4, false)).toBeUndefined();
  expect(check.heard(4, 4, true)).toBe("agrees");
  expect(check.agreement).toBe("agrees");
});

test("what was missing at one heartbeat and is missing at the next is late", () => {
  const check = new BeatCheck();
  expect(check.heard(5, 3, false)).toBeUndefined();
  expect(check.agreement).toBe("behind");
  expect(check.heard(6, 4, false)).toBe("late");
  expect(check.heard(7, 6, false)).toBeUndefined();
  expect(check.mismatchCount).toBe(0);
});

test("a copy that is ahead of an old heartbeat is not judged by it", () => {
  const check = new BeatCheck();
  check.heard(5, 5, true);
  expect(check.heard(4, 6, false)).toBeUndefined();
  expect(check.agreement).toBe("agrees");
});
