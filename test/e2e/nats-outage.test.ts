import { expect, test } from "vitest";
import { findNatsServer } from "../support/nats-server.ts";
import { natsOutage } from "./nats-outage.ts";
import { SMALL_SCALE } from "./scale.ts";

test("what is published while NATS is gone is everywhere soon after it is back", async (context) => {
  context.skip(findNatsServer() === undefined, "nats-server is not installed");
  const { result, shortfalls } = await natsOutage(SMALL_SCALE, () => undefined);
  expect(shortfalls).toEqual([]);
  expect(result.figures["published_while_down"]).toBeGreaterThan(0);
});
