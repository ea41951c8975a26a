import { expect, test } from "vitest";
import { findNginx } from "../support/nginx.ts";
import { headless } from "./headless.ts";
import { SMALL_SCALE } from "./scale.ts";

test.skipIf(findNginx() === undefined)(
  "agents serve without a control plane, also one that is restarted meanwhile, and fail no request",
  async () => {
    const { result, shortfalls } = await headless(SMALL_SCALE, () => undefined);
    expect(shortfalls).toEqual([]);
    expect(result.figures).toMatchObject({ failed: 0 });
  },
);
