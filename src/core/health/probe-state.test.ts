import { describe, expect, test } from "vitest";
import { afterProbe, type ProbeState, UNPROVEN } from "./probe-state.ts";

const UP: ProbeState = { isHealthy: true, isProven: true, contrary: 0 };

/** Reads like a log: `.` success, `x` failure. */
function healthAfter(probes: string, start: ProbeState): boolean {
  return [...probes].reduce((state, probe) => afterProbe(state, probe === "."), start).isHealthy;
}

describe("probe state of an instance that is up", () => {
  test.each([
    { probes: "xx", healthy: true, because: "two failures are not yet three" },
    { probes: "xxx", healthy: false, because: "the third failure in a row ejects" },
    { probes: "xx.xx", healthy: true, because: "a success resets the count" },
    { probes: "xxx.", healthy: false, because: "one success is not yet two" },
    { probes: "xxx.x.", healthy: false, because: "a failure resets the count of successes" },
    { probes: "xxx..", healthy: true, because: "the second success in a row restores" },
  ])("$probes: $because", ({ probes, healthy }) => {
    expect(healthAfter(probes, UP)).toBe(healthy);
  });
});

describe("probe state of an instance that starts", () => {
  test.each([
    { probes: "", healthy: false, because: "nothing is known yet" },
    { probes: ".", healthy: true, because: "the first success proves it" },
    { probes: "xxxxxx", healthy: false, because: "it is still starting" },
    { probes: "xxxxxx.", healthy: true, because: "failures while starting are forgotten" },
    { probes: ".xx", healthy: true, because: "from then on thresholds count" },
  ])("$probes: $because", ({ probes, healthy }) => {
    expect(healthAfter(probes, UNPROVEN)).toBe(healthy);
  });
});

test("thresholds of one follow every result", () => {
  const once = { rise: 1, fall: 1 };
  expect(afterProbe(UP, false, once).isHealthy).toBe(false);
  expect(afterProbe(afterProbe(UP, false, once), true, once).isHealthy).toBe(true);
});
