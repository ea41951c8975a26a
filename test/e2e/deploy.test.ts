import { expect, test } from "vitest";
import { findNginx } from "../support/nginx.ts";
import { deploy } from "./deploy.ts";
import { SMALL_SCALE } from "./scale.ts";

test.skipIf(findNginx() === undefined)(
  "a rolling deploy without retries, each instance killed when its drain is SAFE, fails no request",
  async () => {
    const { result, shortfalls } = await deploy(SMALL_SCALE, () => undefined);
    expect(shortfalls).toEqual([]);
    expect(result.figures).toMatchObject({ failed: 0, retries: 0 });
  },
);
