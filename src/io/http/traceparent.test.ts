import { expect, test } from "vitest";
import { isTraceparent, newTraceparent } from "./traceparent.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

test.each([
  { text: `00-${TRACE}-${SPAN}-01`, valid: true },
  { text: `01-${TRACE}-${SPAN}-01-more`, valid: true },
  { text: `00-${TRACE}-${SPAN}-01-more`, valid: false },
  { text: `ff-${TRACE}-${SPAN}-01`, valid: false },
  { text: `00-${"0".repeat(32)}-${SPAN}-01`, valid: false },
  { text: `00-${TRACE}-${"0".repeat(16)}-01`, valid: false },
  { text: `00-${TRACE.toUpperCase()}-${SPAN}-01`, valid: false },
  { text: `00-${TRACE}-${SPAN}-0`, valid: false },
  { text: "", valid: false },
])("$text is valid: $valid", ({ text, valid }) => {
  expect(isTraceparent(text)).toBe(valid);
});

test.each([0, 0.5, 1 - 2 ** -53])("a new trace is valid when chance says %d", (draw) => {
  const text = newTraceparent(() => draw);
  expect(text).toHaveLength(55);
  expect(isTraceparent(text)).toBe(true);
});

test("two new traces share neither their trace nor their parent", () => {
  const draws = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.15, 0.25, 0.35];
  const random = () => draws.shift() ?? 0;
  const [first, second] = [newTraceparent(random), newTraceparent(random)];
  expect(first).toBe("00-19999999333333335ccccccc76666666-9000000099999999-01");
  expect(second.slice(3, 35)).not.toBe(first.slice(3, 35));
  expect(second.slice(36, 52)).not.toBe(first.slice(36, 52));
});
