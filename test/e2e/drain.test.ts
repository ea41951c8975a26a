import { expect, test } from "vitest";
import { findNatsServer } from "../support/nats-server.ts";
import { findNginx } from "../support/nginx.ts";
import { drain } from "./drain.ts";
import { SMALL_SCALE } from "./scale.ts";

const isHere = findNginx() !== undefined && findNatsServer() !== undefined;

test.skipIf(!isHere)(
  "a drain at any replica waits for the agents of all, names who holds it up, and fails no request",
  async () => {
    const { result, shortfalls } = await drain(SMALL_SCALE, () => undefined);
    expect(shortfalls).toEqual([]);
    expect(result.figures).toMatchObject({ failed: 0, pending_named: 2, drains: 3 });
  },
);
