import { expect, test } from "vitest";
import { invalidArgument, MAX_VIOLATIONS, type Violations, violation } from "./violations.ts";

test("one error names the first three violations and counts the rest", () => {
  const fields = ["a", "b", "c", "d", "e"];
  const found = fields.reduce<Violations>((all, field) => violation(all, field, "bad"), undefined);
  const error = invalidArgument(found ?? []);
  expect(error.code).toBe("INVALID_ARGUMENT");
  expect(error.message).toBe("a: bad; b: bad; c: bad; and 2 more");
  expect(error.detail.violations?.map(({ field }) => field)).toEqual(fields);
});

test("a request with endless violations reports a bounded number of them", () => {
  let found: Violations;
  for (let i = 0; i < 1000; i++) found = violation(found, `f${i}`, "bad");
  expect(found).toHaveLength(MAX_VIOLATIONS);
});
