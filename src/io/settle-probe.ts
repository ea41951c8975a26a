import type { ProbeResult } from "../ports/prober.ts";

/** What a probe does while it waits. */
export interface OpenProbe {
  /** Ends the probe; later calls change nothing. */
  readonly settle: (ok: boolean, detail: string) => void;
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
    const settle = (ok: boolean, detail: string): void => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      close?.();
      resolve({ ok, detail });
    };
    const onAbort = (): void => settle(false, "the probe was cancelled");
    const timer = setTimeout(() => settle(false, `no answer within ${timeoutMs} ms`), timeoutMs);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) {
      onAbort();
      return;
    }
    try {
      close = start({ settle });
    } catch (error) {
      // Node throws at once for a port or a path that cannot exist.
      settle(false, describeFailure(error));
      return;
    }
    if (isSettled) close();
  });
}

/** The sentence for a connection that failed. */
export function describeFailure(error: unknown): string {
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
