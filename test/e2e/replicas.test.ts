import { expect, test } from "vitest";
import { findNatsServer } from "../support/nats-server.ts";
import { replicas } from "./replicas.ts";
import { SMALL_SCALE } from "./scale.ts";

test("replicas that are killed, frozen and cut off, and a NATS that is restarted, lose nobody, resurrect nobody and fail no request", async (context) => {
  context.skip(findNatsServer() === undefined, "nats-server is not installed");
  const { result, shortfalls } = await replicas(SMALL_SCALE, () => undefined);
  expect(shortfalls).toEqual([]);
  expect(result.figures).toMatchObject({ failed: 0, lost: 0, resurrected: 0, shrinks: 0 });
});
