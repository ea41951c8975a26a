import { expect, test } from "vitest";
import { runEpoch } from "./run-epoch.ts";

test("replicas that started in one millisecond, and runs of one replica, have epochs of their own", () => {
  const epochs = [runEpoch("a", 7), runEpoch("b", 7), runEpoch("a", 8)];
  expect(new Set(epochs).size).toBe(3);
  expect(runEpoch("a", 7)).toBe(epochs[0]);
  for (const epoch of epochs) expect(Number.isSafeInteger(epoch)).toBe(true);
});
