import { defineConfig } from "vitest/config";
import { PlainLineReporter } from "./test/support/plain-line-reporter.ts";

/**
 * One project per layer of tests. Every one names its files: without that, vitest would also run
 * tests that were compiled into dist/.
 */
export default defineConfig({
  test: {
    reporters: ["default", new PlainLineReporter()],
    projects: [
      { test: { name: "unit", include: ["src/**/*.test.ts", "test/support/**/*.test.ts"] } },
      { test: { name: "contract", include: ["test/contract/**/*.test.ts"] } },
      {
        test: {
          name: "simulation",
          include: ["test/simulation/**/*.test.ts"],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          // Each file runs real servers: more at once only makes them wait for a core.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          // A load test beside another one measures the other one.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
    coverage: {
      provider: "v8",
      include: ["src/core/**"],
      exclude: ["**/*.test.ts"],
      thresholds: { lines: 95, functions: 95, branches: 90 },
    },
  },
});
