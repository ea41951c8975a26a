import type { Random } from "../core/model/random.ts";
import { fullJitterMs } from "../core/resilience/backoff.ts";
import type { Clock } from "../ports/clock.ts";
import type { Destination, ReplicaAddress } from "../ports/destination.ts";
import type { Log } from "../ports/log.ts";
import type { NameResolver } from "../ports/name-resolver.ts";
import type { StreamEnd } from "../ports/stream-end.ts";
import { hostToResolve, placeOf, type ReplicaList } from "./replica-list.ts";

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
  /** The server answered, promises a sign of life every `lifeEveryMs`, and tells which replicas there are. */
  welcomed(replicaId: string, lifeEveryMs: number, replicas: readonly ReplicaAddress[]): void;
  /** Any message. */
  alive(): void;
  /** The server asks to go elsewhere, and tells which replicas there are. */
  drained(retryAfterMs: number, reason: string, replicas: readonly ReplicaAddress[]): void;
  ended(end: StreamEnd): void;
}

export interface ConnectionLoopOptions {
  /** For logs: what the connection is for, for example `watch`. */
  readonly purpose: string;
  /** Where to go; an agent's loops share it, so that what one learns helps the other. */
  readonly replicas: ReplicaList;
  /** Without it, names are left to `open`. */
  readonly resolver?: NameResolver | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Silence is death after this many times what the server promised. */
  readonly silenceFactor: number;
  readonly open: (destination: Destination, events: ConnectionEvents) => { close(): void };
  /** Called when the connection is gone, before the next attempt. */
  readonly lost: () => void;
  /** Told of each welcome and of each failure. */
  readonly onNews?: ((news: ConnectionNews) => void) | undefined;
}

/** How a connection stands, for people. */
export interface ConnectionState {
  readonly isConnected: boolean;
  /** As it was configured or told. */
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
 * answer, an eye on silence, waits with full jitter between failures, and another replica
 * after each.
 *
 *   idle -> connecting -welcomed-> connected
 *             |  5 s, end            |  silence, end, drain
 *             v                      v
 *           waiting <----------------+   then connecting, to the next replica
 */
export class ConnectionLoop {
  readonly #options: ConnectionLoopOptions;
  #destination: Destination;
  #failures = 0;
  /** Attempts in a row that were refused; and that failed, whatever the reason. */
  #refusedInARow = 0;
  #failedInARow = 0;
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
    this.#destination = options.replicas.next();
  }

  get state(): ConnectionState {
    return {
      isConnected: this.#welcomedAtMs !== undefined,
      address: this.#destination.name,
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

  /** Everybody was tried since the last welcome. */
  get #isRoundOver(): boolean {
    return this.#failedInARow >= this.#options.replicas.size;
  }

  #connect(): void {
    const { replicas, resolver } = this.#options;
    const attempt = ++this.#attempt;
    const isCurrent = () => attempt === this.#attempt && !this.#isStopped;
    this.#setTimer(CONNECT_WATCHDOG_MS, () =>
      this.#failed(`no answer within ${CONNECT_WATCHDOG_MS / 1000} s`),
    );
    const wanted = replicas.next();
    this.#destination = wanted;
    const host = resolver && hostToResolve(wanted.name);
    if (host === undefined) {
      this.#open(wanted);
      return;
    }
    // Asked for each attempt: a name that leads elsewhere by now is followed.
    resolver?.addresses(host).then(
      (addresses) => {
        if (!isCurrent()) return;
        replicas.resolved(wanted.name, addresses);
        this.#open(replicas.next(wanted.name));
      },
      (error: Error) => {
        if (!isCurrent()) return;
        if (wanted.address === wanted.name) this.#failed(`${host}: ${error.message}`);
        else this.#open(wanted);
      },
    );
  }

  #open(destination: Destination): void {
    this.#destination = destination;
    const attempt = this.#attempt;
    const isCurrent = () => attempt === this.#attempt;
    const connection = this.#options.open(destination, {
      welcomed: (replicaId, lifeEveryMs, replicas) => {
        if (isCurrent()) this.#welcomed(replicaId, lifeEveryMs, replicas);
      },
      alive: () => isCurrent() && this.#alive(),
      drained: (retryAfterMs, reason, replicas) => {
        if (isCurrent()) this.#drained(retryAfterMs, reason, replicas);
      },
      ended: (end) => isCurrent() && this.#ended(end),
    });
    // An `open` that failed at once has already moved on to the next attempt's wait.
    if (isCurrent()) this.#connection = connection;
    else connection.close();
  }

  #welcomed(replicaId: string, lifeEveryMs: number, told: readonly ReplicaAddress[]): void {
    const { clock, log, purpose, replicas, silenceFactor } = this.#options;
    this.#welcomedAtMs = clock.nowMs();
    this.#replicaId = replicaId;
    this.#problem = "";
    this.#refusedInARow = 0;
    this.#failedInARow = 0;
    this.#lifeTimeoutMs = lifeEveryMs * silenceFactor;
    this.#alive();
    replicas.welcomed(this.#destination, replicaId);
    replicas.told(told);
    const address = placeOf(this.#destination);
    log.info({ purpose, address, replica: replicaId }, "connected to the control plane");
    this.#options.onNews?.({ ...this.state, isRefused: false, reason: "" });
  }

  #alive(): void {
    if (this.#welcomedAtMs === undefined) return;
    this.#setTimer(this.#lifeTimeoutMs, () =>
      this.#failed(`nothing heard for ${Math.round(this.#lifeTimeoutMs / 1000)} s`),
    );
  }

  #drained(retryAfterMs: number, reason: string, told: readonly ReplicaAddress[]): void {
    const { log, purpose, random, replicas } = this.#options;
    const fields = { purpose, address: placeOf(this.#destination), retryAfterMs, reason };
    log.info(fields, "the control plane asks to go elsewhere");
    replicas.told(told);
    const isAlone = replicas.size === 1;
    this.#failures = 0;
    this.#problem = reason;
    this.#disconnect();
    replicas.failed(this.#destination);
    this.#wait((isAlone ? retryAfterMs : 0) + random() * DRAIN_SPREAD_MS);
  }

  /** A status of CANCELLED is not ours: we do not listen to what we cancel. It is a lost connection. */
  #ended({ code, reason, message, retryAfterMs }: StreamEnd): void {
    this.#failed(message === "" ? `the stream ended with status ${code}` : message, {
      isRefused: REFUSALS.has(code),
      reason,
      retryAfterMs,
    });
  }

  #failed(problem: string, details: FailureDetails = NO_DETAILS): void {
    if (this.#isStopped) {
      this.#disconnect();
      return;
    }
    const { clock, random, replicas } = this.#options;
    const { reason } = details;
    const heldMs = this.#welcomedAtMs === undefined ? 0 : clock.nowMs() - this.#welcomedAtMs;
    if (heldMs >= HEALTHY_AFTER_MS) this.#failures = 0;
    const destination = this.#destination;
    this.#disconnect();
    this.#failedInARow++;
    this.#refusedInARow = details.isRefused ? this.#refusedInARow + 1 : 0;
    // One replica that refuses says nothing of the others.
    const isRefused = this.#refusedInARow >= replicas.size;
    replicas.failed(destination);
    const jitterMs = fullJitterMs(this.#failures, random);
    this.#failures = Math.min(this.#failures + 1, MAX_FAILURES);
    const askedMs = this.#isRoundOver ? (details.retryAfterMs ?? 0) : 0;
    const leastMs = Math.max(askedMs, isRefused ? REFUSED_RETRY_MS : 0);
    const waitMs = Math.round(leastMs + jitterMs);
    this.#problem = problem;
    const fields = { address: placeOf(destination), problem, retryInMs: waitMs };
    this.#report(fields, isRefused, heldMs > 0);
    this.#wait(waitMs);
    this.#options.onNews?.({ ...this.state, address: destination.name, isRefused, reason });
  }

  #report(failure: object, isRefused: boolean, hasHeld: boolean): void {
    const { clock, log, purpose } = this.#options;
    const fields = { purpose, ...failure };
    const nowMs = clock.nowMs();
    const isNews = hasHeld || (this.#isRoundOver && nowMs - this.#warnedAtMs >= WARN_EVERY_MS);
    if (isNews) this.#warnedAtMs = nowMs;
    if (isRefused)
      log.error(fields, "the control plane refuses this agent; repair its configuration");
    else if (isNews) log.warn(fields, "lost the control plane; serving what is known");
    else log.debug(fields, "the control plane is still away");
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

type FailureDetails = Pick<StreamEnd, "reason" | "retryAfterMs"> & { readonly isRefused: boolean };

const NO_DETAILS: FailureDetails = { isRefused: false, reason: "", retryAfterMs: undefined };
