/**
 * Preloaded into a measured server: on SIGUSR2 prints how late its event loop was since the last
 * signal. A loop that is blocked takes no samples: those that it missed count too, so that the
 * percentiles are of time and not of luck. Beside it how much processor time the loop took between two
 * samples at most: on a machine that is busy with other work, lag is mostly waiting for a core.
 */
const EVERY_MS = 10;

let lagsMs: number[] = [];
let busiestMs = 0;
let formerCpuMs = cpuMs();

/** Of the loop's thread. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

function sample(dueMs: number): void {
  const nowMs = performance.now();
  const usedMs = cpuMs();
  busiestMs = Math.max(busiestMs, usedMs - formerCpuMs);
  formerCpuMs = usedMs;
  for (let lagMs = nowMs - dueMs; lagMs > 0; lagMs -= EVERY_MS) lagsMs.push(lagMs);
  setTimeout(sample, EVERY_MS, nowMs + EVERY_MS).unref();
}
sample(performance.now());

process.on("SIGUSR2", () => {
  lagsMs.sort((a, b) => a - b);
  const at = (share: number) => (lagsMs[Math.floor(lagsMs.length * share)] ?? 0).toFixed(1);
  const maxMs = (lagsMs.at(-1) ?? 0).toFixed(1);
  process.stdout.write(`lag ${at(0.99)} ${maxMs} ${busiestMs.toFixed(1)}\n`);
  lagsMs = [];
  busiestMs = 0;
});

export {};
