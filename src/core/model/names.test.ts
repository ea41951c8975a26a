import { expect, test } from "vitest";
import { hostPartOfId, isInstanceId } from "./names.ts";

test.each([
  { hostName: "web-1.example", part: "web-1.example" },
  { hostName: "Anna's Laptop", part: "Anna-s-Laptop" },
  { hostName: "--edge--", part: "edge" },
  { hostName: "\u00e4\u00f6", part: "host" },
  { hostName: "", part: "host" },
  { hostName: `${"a".repeat(99)}-b`, part: "a".repeat(99) },
])("of a machine called $hostName an id holds $part", ({ hostName, part }) => {
  expect(hostPartOfId(hostName, "host")).toBe(part);
  expect(isInstanceId(part)).toBe(true);
});
