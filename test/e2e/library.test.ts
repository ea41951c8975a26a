import { expect, test } from "vitest";
import { library } from "./library.ts";
import { SMALL_SCALE } from "./scale.ts";

test("calls through the library fail never, while instances drain themselves, are drained and are killed", async () => {
  const { result, shortfalls } = await library(SMALL_SCALE, () => undefined);
  expect(shortfalls).toEqual([]);
  expect(result.figures).toMatchObject({ failed: 0, left_in_flight: 0 });
});
