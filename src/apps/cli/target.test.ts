import { expect, test } from "vitest";
import { isInstanceId } from "../../core/model/names.ts";
import { idFromTarget, parseTarget } from "./target.ts";

test.each([
  ["127.0.0.1:8081", "ip", "127.0.0.1", 8081],
  ["[::1]:80", "ip", "::1", 80],
  ["db.local:5432", "hostname", "db.local", 5432],
  ["unix:/run/x.sock", "unix", "/run/x.sock", 0],
])("%s is an address of kind %s", (text, kind, value, port) => {
  expect(parseTarget(text)).toEqual({ address: { kind, value }, port });
});

test.each(["", "8081", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "::1:80", "[db]:80", ":80"])(
  "%j is refused with how to write it",
  (text) => {
    expect(() => parseTarget(text)).toThrow("HOST:PORT");
  },
);

test.each([
  "127.0.0.1:8081",
  "[::1]:80",
  "db.local:5432",
  "unix:/run/x.sock",
  `unix:/${"x".repeat(200)}`,
])("the id made from %s is one that the control plane takes", (text) => {
  expect(isInstanceId(idFromTarget(text))).toBe(true);
});

test("different addresses get different ids", () => {
  const ids = ["127.0.0.1:80", "127.0.0.1:81", "[::1]:80", "[::2]:80"].map(idFromTarget);
  expect(new Set(ids).size).toBe(4);
});
