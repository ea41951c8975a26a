import type { ProbeResult } from "../ports/prober.ts";

/** What a probe does while it waits. */
export interface OpenProbe {
  /** Ends the probe; later calls change nothing. */
  readonly settle: (ok: boolean, detail: string) => void;
  /** Ends the probe because the connection failed. */
  readonly fail: (error: unknown) => void;
}

/**
 * Runs a probe until it settles, the time is up or the signal aborts, whichever comes first.
 * `start` returns what closes its connection; it is called once, at the end.
 */
export function settleProbe(
  timeoutMs: number,
  signal: AbortSignal,
  start: (probe: OpenProbe) => () => void,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    let close: (() => void) | undefined;
    let isSettled = false;
    const settle = (ok: boolean, detail: string, isRefused = false): void => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      close?.();
      resolve({ ok, detail, ...(isRefused && { isRefused: true }) });
    };
    const fail = (error: unknown) => settle(false, describeFailure(error), wasRefused(error));
    const onAbort = (): void => settle(false, "the probe was cancelled");
    const timer = setTimeout(() => settle(false, `no answer within ${timeoutMs} ms`), timeoutMs);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) {
      onAbort();
      return;
    }
    try {
      close = start({ settle, fail });
    } catch (error) {
      // Node throws at once for a port or a path that cannot exist.
      fail(error);
      return;
    }
    if (isSettled) close();
  });
}

/** A name can have several addresses: then nothing listens at any of them. */
function wasRefused(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(wasRefused);
  if (!(error instanceof Error)) return false;
  return ("code" in error && error.code === "ECONNREFUSED") || wasRefused(error.cause);
}

/** The sentence for a connection that failed. */
function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? error.code : undefined;
  switch (code) {
    case "ECONNREFUSED":
      return "connection refused: nothing listens there";
    case "ECONNRESET":
      return "the connection was reset before an answer";
    default:
      return error.message === "" ? String(code ?? error.name) : error.message;
  }
}
