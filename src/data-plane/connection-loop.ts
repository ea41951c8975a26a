import type { Random } from "../core/model/random.ts";
import { fullJitterMs } from "../core/resilience/backoff.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { StreamEnd } from "../ports/stream-end.ts";

/** A frozen server accepts connections and never answers: 5 s are long for any answer, short for a person. */
export const CONNECT_WATCHDOG_MS = 5_000;

/** A connection that held this long was no flapping one: the next failure starts from the shortest wait. */
export const HEALTHY_AFTER_MS = 60_000;

/** Between attempts that no repetition will repair: a wrong token, a wrong address. */
export const REFUSED_RETRY_MS = 60_000;

/** A server that drains has all of its agents move: they spread over this time. */
export const DRAIN_SPREAD_MS = 500;

/** An outage of hours must not fill a disk with its news. */
const WARN_EVERY_MS = 60_000;

/** Doublings beyond this change nothing: the bound is the longest wait. */
const MAX_FAILURES = 16;

/** INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, UNAUTHENTICATED: somebody has to repair something. */
const REFUSALS: ReadonlySet<number> = new Set([3, 5, 7, 16]);

/** What a loop hears of the connection it opened. */
export interface ConnectionEvents {
  /** The server answered, and promises a sign of life every `lifeEveryMs`. */
  welcomed(replicaId: string, lifeEveryMs: number): void;
  /** Any message. */
  alive(): void;
  /** The server asks to go elsewhere. */
  drained(retryAfterMs: number, reason: string): void;
  ended(end: StreamEnd): void;
}

export interface ConnectionLoopOptions {
  /** For logs: what the connection is for, for example `watch`. */
  readonly purpose: string;
  /** Tried in a random order, so that a fleet spreads over the servers. */
  readonly addresses: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Silence is death after this many times what the server promised. */
  readonly silenceFactor: number;
  readonly open: (address: string, events: ConnectionEvents) => { close(): void };
  /** Called when the connection is gone, before the next attempt. */
  readonly lost: () => void;
  /** Told of each welcome and of each failure. */
  readonly onNews?: ((news: ConnectionNews) => void) | undefined;
}

/** How a connection stands, for people. */
export interface ConnectionState {
  readonly isConnected: boolean;
  readonly address: string;
  readonly replicaId: string;
  /** Of the last failure; `""` when there was none since the last welcome. */
  readonly problem: string;
}

/** A connection came, went, or could not be opened. */
export interface ConnectionNews extends ConnectionState {
  /** No repetition will help: a wrong token, a wrong address. */
  readonly isRefused: boolean;
  /** `ErrorInfo.reason` of the failure; `""` without one. */
  readonly reason: string;
}

/**
 * Keeps one connection to the control plane, for ever: a watchdog for servers that never
 * answer, an eye on silence, waits with full jitter between failures, and the next address
 * after each.
 *
 *   idle -> connecting -welcomed-> connected
 *             |  5 s, end            |  silence, end, drain
 *             v                      v
 *           waiting <----------------+   then connecting, to the next address
 */
export class ConnectionLoop {
  readonly #options: ConnectionLoopOptions;
  readonly #addresses: string[];
  #index = 0;
  #failures = 0;
  #attempt = 0;
  #connection: { close(): void } | undefined;
  #welcomedAtMs: number | undefined;
  #lifeTimeoutMs = 0;
  #cancelTimer: () => void = () => undefined;
  #replicaId = "";
  #problem = "";
  #warnedAtMs = Number.NEGATIVE_INFINITY;
  #isStopped = false;

  constructor(options: ConnectionLoopOptions) {
    this.#options = options;
    this.#addresses = shuffled(options.addresses, options.random);
  }

  get state(): ConnectionState {
    return {
      isConnected: this.#welcomedAtMs !== undefined,
      address: this.#address,
      replicaId: this.#replicaId,
      problem: this.#problem,
    };
  }

  get isConnected(): boolean {
    return this.#welcomedAtMs !== undefined;
  }

  start(): void {
    this.#connect();
  }

  /** The end of the connection is expected from now on; nothing is opened again. */
  finish(): void {
    this.#isStopped = true;
  }

  /** Cuts the connection; nothing is opened again. */
  stop(): void {
    this.#isStopped = true;
    this.#disconnect();
  }

  get #address(): string {
    return this.#addresses[this.#index % this.#addresses.length] ?? "";
  }

  #connect(): void {
    const attempt = ++this.#attempt;
    const isCurrent = () => attempt === this.#attempt;
    this.#setTimer(CONNECT_WATCHDOG_MS, () =>
      this.#failed(`no answer within ${CONNECT_WATCHDOG_MS / 1000} s`),
    );
    const connection = this.#options.open(this.#address, {
      welcomed: (replicaId, lifeEveryMs) => isCurrent() && this.#welcomed(replicaId, lifeEveryMs),
      alive: () => isCurrent() && this.#alive(),
      drained: (retryAfterMs, reason) => isCurrent() && this.#drained(retryAfterMs, reason),
      ended: (end) => isCurrent() && this.#ended(end),
    });
    // An `open` that failed at once has already moved on to the next attempt's wait.
    if (isCurrent()) this.#connection = connection;
    else connection.close();
  }

  #welcomed(replicaId: string, lifeEveryMs: number): void {
    this.#welcomedAtMs = this.#options.clock.nowMs();
    this.#replicaId = replicaId;
    this.#problem = "";
    this.#lifeTimeoutMs = lifeEveryMs * this.#options.silenceFactor;
    this.#alive();
    const { log, purpose } = this.#options;
    log.info(
      { purpose, address: this.#address, replica: replicaId },
      "connected to the control plane",
    );
    this.#options.onNews?.({ ...this.state, isRefused: false, reason: "" });
  }

  #alive(): void {
    if (this.#welcomedAtMs === undefined) return;
    this.#setTimer(this.#lifeTimeoutMs, () =>
      this.#failed(`nothing heard for ${Math.round(this.#lifeTimeoutMs / 1000)} s`),
    );
  }

  #drained(retryAfterMs: number, reason: string): void {
    const { log, purpose, random } = this.#options;
    log.info(
      { purpose, address: this.#address, retryAfterMs, reason },
      "the control plane asks to go elsewhere",
    );
    const isAlone = this.#addresses.length === 1;
    this.#failures = 0;
    this.#problem = reason;
    this.#disconnect();
    this.#index++;
    this.#wait((isAlone ? retryAfterMs : 0) + random() * DRAIN_SPREAD_MS);
  }

  /** A status of CANCELLED is not ours: we do not listen to what we cancel. It is a lost connection. */
  #ended({ code, reason, message, retryAfterMs }: StreamEnd): void {
    const isRefused = REFUSALS.has(code);
    this.#failed(message === "" ? `the stream ended with status ${code}` : message, {
      isRefused,
      reason,
      retryAfterMs: isRefused ? Math.max(retryAfterMs ?? 0, REFUSED_RETRY_MS) : retryAfterMs,
    });
  }

  #failed(
    problem: string,
    {
      isRefused = false,
      reason = "",
      retryAfterMs,
    }: { isRefused?: boolean; reason?: string; retryAfterMs?: number | undefined } = {},
  ): void {
    if (this.#isStopped) {
      this.#disconnect();
      return;
    }
    const { clock, random, log, purpose } = this.#options;
    const heldMs = this.#welcomedAtMs === undefined ? 0 : clock.nowMs() - this.#welcomedAtMs;
    if (heldMs >= HEALTHY_AFTER_MS) this.#failures = 0;
    const address = this.#address;
    this.#disconnect();
    this.#index++;
    const jitterMs = fullJitterMs(this.#failures, random);
    this.#failures = Math.min(this.#failures + 1, MAX_FAILURES);
    const waitMs = Math.round((retryAfterMs ?? 0) + jitterMs);
    const nowMs = clock.nowMs();
    const isNews = heldMs > 0 || nowMs - this.#warnedAtMs >= WARN_EVERY_MS;
    if (isNews) this.#warnedAtMs = nowMs;
    this.#problem = problem;
    const fields = { purpose, address, problem, retryInMs: waitMs };
    if (isRefused)
      log.error(fields, "the control plane refuses this agent; repair its configuration");
    else if (isNews) log.warn(fields, "lost the control plane; serving what is known");
    else log.debug(fields, "the control plane is still away");
    this.#wait(waitMs);
    this.#options.onNews?.({ ...this.state, address, isRefused, reason });
  }

  #disconnect(): void {
    this.#attempt++;
    this.#cancelTimer();
    const wasConnected = this.#welcomedAtMs !== undefined;
    this.#welcomedAtMs = undefined;
    this.#connection?.close();
    this.#connection = undefined;
    if (wasConnected) this.#options.lost();
  }

  #wait(delayMs: number): void {
    if (!this.#isStopped) this.#setTimer(delayMs, () => this.#connect());
  }

  #setTimer(delayMs: number, task: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#options.clock.after(delayMs, task);
  }
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, order: random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
