import type { Clock } from "../../ports/clock.ts";

/** Runs `task` every so often, the first time after that time. @returns how to stop */
export function repeat(clock: Clock, everyMs: number, task: () => void): () => void {
  let cancel: () => void;
  const next = (): void => {
    cancel = clock.after(everyMs, () => {
      next();
      task();
    });
  };
  next();
  return () => cancel();
}
