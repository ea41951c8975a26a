import { expect, test } from "vitest";
import { lengthOf, relayedHeaders } from "./response-head.ts";

test.each([
  {
    parsed: { "x-a": "1", "set-cookie": ["b", "c"] },
    relayed: ["x-a", "1", "set-cookie", "b", "set-cookie", "c"],
  },
  { parsed: { connection: "close", "x-a": "1" }, relayed: ["x-a", "1"] },
  { parsed: { connection: "X-A, keep-alive", "x-a": "1", "x-b": "2" }, relayed: ["x-b", "2"] },
  { parsed: { "transfer-encoding": "chunked", trailer: "x", te: "x" }, relayed: [] },
  { parsed: { "keep-alive": "timeout=5", upgrade: "h2c" }, relayed: [] },
  { parsed: { "proxy-authenticate": "Basic", "proxy-x": "1" }, relayed: [] },
  { parsed: { "content-length": "5" }, relayed: ["content-length", "5"] },
])("$parsed becomes $relayed", ({ parsed, relayed }) => {
  expect(relayedHeaders(200, parsed)).toEqual(relayed);
});

test("a 204 has no length", () => {
  expect(relayedHeaders(204, { "content-length": "0", "x-a": "1" })).toEqual(["x-a", "1"]);
});

test.each([
  { parsed: { "content-length": "5" }, length: 5 },
  { parsed: {}, length: -1 },
  { parsed: { "content-length": ["5", "6"] }, length: -1 },
])("$parsed says length $length", ({ parsed, length }) => {
  expect(lengthOf(parsed)).toBe(length);
});
