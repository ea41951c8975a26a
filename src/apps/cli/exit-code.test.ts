import { expect, test } from "vitest";
import { MeshError, type MeshErrorCode } from "../../core/model/mesh-error.ts";
import { exitCodeOf, UsageError } from "./exit-code.ts";

test.each<[MeshErrorCode, number]>([
  ["INVALID_ARGUMENT", 2],
  ["SERVICE_NOT_FOUND", 3],
  ["INSTANCE_NOT_FOUND", 3],
  ["LEASE_NOT_FOUND", 3],
  ["UNREACHABLE", 4],
  ["DRAINING", 4],
  ["PERMISSION_DENIED", 5],
  ["UNAUTHENTICATED", 5],
  ["SUPERSEDED", 6],
  ["TIMEOUT", 7],
  ["INTERNAL", 1],
  ["LIMIT_REACHED", 1],
])("%s ends with %i", (code, exitCode) => {
  expect(exitCodeOf(new MeshError(code, "why"))).toBe(exitCode);
});

test("wrong words end with 2, and what nobody foresaw with 1", () => {
  expect(exitCodeOf(new UsageError("what?"))).toBe(2);
  expect(exitCodeOf(new TypeError("oops"))).toBe(1);
  expect(exitCodeOf("text")).toBe(1);
});
