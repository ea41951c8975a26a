import { expect, test } from "vitest";
import { MetricsText } from "./metrics-text.ts";

test("prints families with escaped labels and cumulative buckets", () => {
  const text = new MetricsText();
  text.counter("a_total", "All.", [{ labels: { x: 'q"\\\n' }, value: 3 }]);
  text.gauge("b", "Now.", [{ value: 0.5 }]);
  text.histogram("c_seconds", "Long.", [0.1, 1], [{ counts: [1, 2, 4], sum: 9 }]);
  expect(text.toString()).toBe(`# HELP a_total All.
# TYPE a_total counter
a_total{x="q\\"\\\\\\n"} 3
# HELP b Now.
# TYPE b gauge
b 0.5
# HELP c_seconds Long.
# TYPE c_seconds histogram
c_seconds_bucket{le="0.1"} 1
c_seconds_bucket{le="1"} 3
c_seconds_bucket{le="+Inf"} 7
c_seconds_sum 9
c_seconds_count 7
`);
});
