import { expect, test } from "vitest";
import { serviceKey } from "../core/model/names.ts";
import { AccessLog, type AccessRecord } from "./access-log.ts";

const RECORD: AccessRecord = {
  method: "GET",
  host: "orders.weir",
  path: "/a?token=secret",
  service: serviceKey("default", "orders"),
  endpoint: "orders-1",
  status: 200,
  bytes: 12,
  durationMs: 1.23456,
  attempts: 1,
  reason: undefined,
};

function logOf(entry: AccessRecord): object[] {
  const lines: object[] = [];
  const keep = (fields: object) => void lines.push(fields);
  new AccessLog({ debug: keep, info: keep, warn: keep, error: keep }, "all").record(entry);
  return lines;
}

test.each([
  { mode: "off", status: 502, reason: "UF", wants: false },
  { mode: "errors", status: 200, reason: undefined, wants: false },
  { mode: "errors", status: 404, reason: undefined, wants: false },
  { mode: "errors", status: 500, reason: undefined, wants: true },
  { mode: "errors", status: 404, reason: "NR", wants: true },
  { mode: "errors", status: 0, reason: "DC", wants: true },
  { mode: "all", status: 200, reason: undefined, wants: true },
] as const)("$mode wants $status with $reason: $wants", ({ mode, status, reason, wants }) => {
  const log = new AccessLog({ debug() {}, info() {}, warn() {}, error() {} }, mode);
  expect(log.wants(status, reason)).toBe(wants);
});

test("queries are not logged: they hold secrets", () => {
  expect(JSON.stringify(logOf(RECORD))).not.toContain("secret");
  expect(logOf(RECORD)).toEqual([expect.objectContaining({ path: "/a", ms: 1.235, flags: "" })]);
});

test.each([
  { attempts: 1, reason: "UF", flags: "UF" },
  { attempts: 2, reason: undefined, flags: "RX" },
  { attempts: 3, reason: "UR", flags: "UR,RX" },
] as const)("$attempts attempts and $reason are flagged $flags", ({ flags, ...end }) => {
  expect(logOf({ ...RECORD, ...end })).toEqual([expect.objectContaining({ flags })]);
});
