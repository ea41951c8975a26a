/** Preloaded into a measured server: a full collection on SIGUSR2, so that its memory is what it holds. */
process.on("SIGUSR2", () => globalThis.gc?.());
