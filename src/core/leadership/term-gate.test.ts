import { expect, test } from "vitest";
import { TermGate } from "./term-gate.ts";

test("a former leader is refused from the first word of the next one on", () => {
  const gate = new TermGate();
  expect([3, 3, 7, 3, 7].map((term) => gate.admits(term))).toEqual([true, true, true, false, true]);
});
