import type { ServiceKey } from "../core/model/names.ts";
import type { ReasonFlag } from "../ports/exchange.ts";
import type { Log } from "../ports/log.ts";

/** Which requests are logged. `errors` are those with a flag or a 5xx status. */
export const ACCESS_LOG_MODES = ["off", "errors", "all"] as const;

export type AccessLogMode = (typeof ACCESS_LOG_MODES)[number];

/** A request's end, as the request path knows it. */
export interface AccessRecord {
  readonly method: string;
  readonly host: string;
  /** Logged without its query: queries hold secrets. */
  readonly path: string;
  /** `undefined` when no route matched. */
  readonly service: ServiceKey | undefined;
  /** The last endpoint's id; `undefined` when none was picked. */
  readonly endpoint: string | undefined;
  /** What the client got; 0 when it left before. */
  readonly status: number;
  readonly bytes: number;
  readonly durationMs: number;
  readonly attempts: number;
  /** Why no response was relayed; `undefined` when one was. */
  readonly reason: ReasonFlag | undefined;
}

/** Added to the flags of a request that was tried more than once. */
const RETRIED = "RX";

/** One line for each request, for an operator who asks what happened. */
export class AccessLog {
  readonly #log: Log;
  readonly #mode: AccessLogMode;

  /** Off by default: a line costs more than the rest of a request. */
  constructor(log: Log, mode: AccessLogMode = "off") {
    this.#log = log;
    this.#mode = mode;
  }

  /** Whether to make a record at all. */
  wants(status: number, reason: ReasonFlag | undefined): boolean {
    if (this.#mode === "off") return false;
    return this.#mode === "all" || reason !== undefined || status >= 500;
  }

  record(entry: AccessRecord): void {
    const { method, host, service, endpoint, status, bytes, attempts, reason } = entry;
    const path = withoutQuery(entry.path);
    const ms = Math.round(entry.durationMs * 1_000) / 1_000;
    const flags = flagsOf(reason, attempts);
    this.#log.info(
      { method, host, path, service, endpoint, status, bytes, ms, attempts, flags },
      "request",
    );
  }
}

function flagsOf(reason: ReasonFlag | undefined, attempts: number): string {
  const flags = reason === undefined ? [] : [reason as string];
  if (attempts > 1) flags.push(RETRIED);
  return flags.join(",");
}

function withoutQuery(path: string): string {
  const query = path.search(/[?#]/);
  return query === -1 ? path : path.slice(0, query);
}
