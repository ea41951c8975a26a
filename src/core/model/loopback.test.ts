import { expect, test } from "vitest";
import { isLoopback } from "./loopback.ts";

test.each(["127.0.0.1:7400", "127.9.9.9:1", "localhost:7400", "[::1]:7400"])(
  "%s stays on this machine",
  (address) => expect(isLoopback(address)).toBe(true),
);

test.each(["0.0.0.0:7400", "[::]:7400", "10.0.0.1:1", "127.evil.example:1", "localhost.example:1"])(
  "%s may leave it",
  (address) => expect(isLoopback(address)).toBe(false),
);
