import { expect, test } from "vitest";
import { middleWallMs } from "./middle-time.ts";

const HOUR = 3_600_000;

test.each([
  { what: "alone", offsets: [], off: 0 },
  { what: "all agree but for the time on the way", offsets: [-3, 4], off: 0 },
  { what: "it is late, and two are right", offsets: [HOUR, HOUR], off: HOUR },
  { what: "it is ahead, and two are right", offsets: [-HOUR, -HOUR], off: -HOUR },
  { what: "another one of three is ahead", offsets: [HOUR, 0], off: 0 },
  { what: "another one of three is late", offsets: [-HOUR, 0], off: 0 },
  { what: "of two the later one: its peer's", offsets: [HOUR], off: HOUR },
  { what: "of two the later one: its own", offsets: [-HOUR], off: 0 },
  { what: "of five, two are ahead", offsets: [HOUR, HOUR, 1, -1], off: 1 },
])("$what", ({ offsets, off }) => {
  expect(middleWallMs(1_000, offsets)).toBe(1_000 + off);
});
