/**
 * The promise, or the signal's reason when that comes first.
 * @param late takes what comes after the caller left.
 */
export function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  late: (value: T) => void = () => undefined,
): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    let isLeft = signal.aborted;
    const leave = () => {
      isLeft = true;
      reject(signal.reason);
    };
    if (isLeft) leave();
    else signal.addEventListener("abort", leave, { once: true });
    const settled = () => signal.removeEventListener("abort", leave);
    promise.then(
      (value) => {
        settled();
        if (isLeft) late(value);
        else resolve(value);
      },
      (error: unknown) => {
        settled();
        reject(error);
      },
    );
  });
}
