import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { scratchFolder } from "../../test/support/scratch-folder.ts";
import { NodeServerHost } from "./server-host.ts";

function aHost(stateDir?: string): NodeServerHost {
  const host = new NodeServerHost(stateDir);
  onTestFinished(() => host.stop());
  return host;
}

test("a folder that can be used has room and no problem", () => {
  const folder = scratchFolder();
  const { path, freeBytes, totalBytes, problem } = aHost(folder).stateDirectory();
  expect([path, problem]).toEqual([folder, ""]);
  expect(freeBytes).toBeGreaterThan(0);
  expect(totalBytes).toBeGreaterThanOrEqual(freeBytes);
});

test("a folder that is gone is a problem in words", () => {
  const gone = join(scratchFolder(), "gone");
  expect(aHost(gone).stateDirectory().problem).toContain("no such file");
});

test("without a state directory there is no path and no problem", () => {
  expect(aHost().stateDirectory()).toEqual({ path: "", freeBytes: 0, totalBytes: 0, problem: "" });
});

test("a loop that stood still is late until it is forgotten", async () => {
  const host = aHost();
  await new Promise((resolve) => setTimeout(resolve, 250));
  const blockedUntilMs = performance.now() + 400;
  while (performance.now() < blockedUntilMs);
  await new Promise((resolve) => setTimeout(resolve, 250));
  expect(host.process().eventLoopLagMs).toBeGreaterThan(200);
});

test("the process says how much heap and how many files it has", () => {
  const { heapUsedBytes, heapLimitBytes } = aHost().process();
  expect(heapUsedBytes).toBeGreaterThan(1e6);
  expect(heapLimitBytes).toBeGreaterThan(heapUsedBytes);
});
