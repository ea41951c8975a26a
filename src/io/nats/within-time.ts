import type { Clock } from "../../ports/clock.ts";

/** What was awaited did not happen in time. */
export class TooLateError extends Error {
  override readonly name = "TooLateError";
}

/**
 * `work`, but never later than after `limitMs`: promises of the client of `nats` may never settle
 * once its connection is gone.
 * @throws TooLateError
 */
export function withinTime<T>(
  work: Promise<T>,
  limitMs: number,
  clock: Clock,
  what: string,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(limitMs, () => {
      reject(new TooLateError(`${what} took longer than ${limitMs} ms`));
    });
    work.then(resolve, reject).finally(cancel);
  });
}
