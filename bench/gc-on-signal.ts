/**
 * Preloaded into a measured server: collects on SIGUSR2, so that its memory is what it holds.
 * The plain collection keeps half-empty pages for later, as much again as the watchers take.
 */
const options = { type: "major", execution: "sync", flavor: "last-resort" } as const;

process.on("SIGUSR2", () => globalThis.gc?.(options));

export {};
