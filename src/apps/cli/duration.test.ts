import { expect, test } from "vitest";
import { formatDuration, parseDuration } from "./duration.ts";

test.each([
  ["0", 0],
  ["250ms", 250],
  ["30s", 30_000],
  ["1.5m", 90_000],
  ["1m30s", 90_000],
  ["2h", 7_200_000],
  ["0s", 0],
])("%s is %i ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(["", "30", "s", "-5s", "5 s", "5d", "1e3s", "30sec", "s30"])(
  "%j is no duration",
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);

test.each([
  [0, "0ms"],
  [12.4, "12ms"],
  [999.6, "1s"],
  [4_200, "4.2s"],
  [59_940, "59.9s"],
  [59_990, "1m"],
  [192_000, "3m12s"],
  [7_500_000, "2h5m"],
  [7_200_000, "2h"],
  [273_600_000, "3d4h"],
  [-4_200, "-4.2s"],
])("%d ms reads %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
