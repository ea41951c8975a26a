import { expect, test } from "vitest";
import { findNatsServer } from "../support/nats-server.ts";
import { Network } from "./network.ts";
import { partition } from "./partition.ts";
import { SMALL_SCALE } from "./scale.ts";

test("both sides of a split network go on, and agree once it is whole, whoever registered what meanwhile", async (context) => {
  const whyNot = findNatsServer() === undefined ? "nats-server is not installed" : Network.whyNot();
  context.skip(whyNot !== undefined, whyNot);
  const { result, shortfalls } = await partition(SMALL_SCALE, () => undefined);
  expect(shortfalls).toEqual([]);
  expect(result.figures).toMatchObject({ failed: 0, lost: 0, resurrected: 0 });
});
