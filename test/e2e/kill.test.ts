import { expect, test } from "vitest";
import { findNginx } from "../support/nginx.ts";
import { kill } from "./kill.ts";
import { SMALL_SCALE } from "./scale.ts";

test.skipIf(findNginx() === undefined)(
  "instances and hosts killed without warning fail no GET, are forgotten with their lease, and freeze nothing",
  async () => {
    const { result, shortfalls } = await kill(SMALL_SCALE, () => undefined);
    expect(shortfalls).toEqual([]);
    expect(result.figures).toMatchObject({ failed: 0, freezes: 0 });
  },
);
