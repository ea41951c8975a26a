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
