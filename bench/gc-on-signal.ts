/**
 * Preloaded into a measured server: collects on SIGUSR2, so that its memory is what it holds, and
 * prints what that is. The plain collection keeps half-empty pages for later, as much again as the
 * watchers take.
 */
const options = { type: "major", execution: "sync", flavor: "last-resort" } as const;

process.on("SIGUSR2", () => {
  globalThis.gc?.(options);
  const { heapUsed, external } = process.memoryUsage();
  process.stdout.write(`memory ${heapUsed + external}\n`);
});

export {};
