import type { NatsConnection } from "nats";
import type { Random } from "../../core/model/random.ts";
import { fullJitterMs } from "../../core/resilience/backoff.ts";
import type { DeniedSubject } from "../../ports/bus.ts";
import type { Clock } from "../../ports/clock.ts";
import { permissionFix } from "./nats-problem.ts";

/** Permissions are repaired by people, and a server reloads them without closing connections. */
const RETRY = { baseMs: 2_000, capMs: 30_000 };

/** Doublings beyond this change nothing. */
const MAX_ATTEMPTS = 6;

/** Subjects of replies are without number; people repair the first ones. */
const MAX_DENIED = 64;

interface Denial extends DeniedSubject {
  attempt: number;
  /** Not before. */
  retryAtMs: number;
}

/** What the server forbids us, and when to try it again. */
export class NatsDenials {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #denials = new Map<string, Denial>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  get list(): readonly DeniedSubject[] {
    return [...this.#denials.values()].map(({ operation, subject, fix }) => ({
      operation,
      subject,
      fix,
    }));
  }

  /** @returns after how long to try again, in ms */
  add(operation: DeniedSubject["operation"], subject: string): number {
    const key = `${operation} ${subject}`;
    const attempt = Math.min((this.#denials.get(key)?.attempt ?? -1) + 1, MAX_ATTEMPTS);
    // At least half of the bound: a retry at once would be refused again.
    const waitMs = RETRY.baseMs / 2 + fullJitterMs(attempt, this.#random, RETRY);
    const retryAtMs = this.#clock.nowMs() + waitMs;
    const fix = permissionFix(operation, subject);
    this.#denials.delete(key);
    this.#denials.set(key, { operation, subject, fix, attempt, retryAtMs });
    const oldest = this.#denials.keys().next();
    if (this.#denials.size > MAX_DENIED && !oldest.done) this.#denials.delete(oldest.value);
    return waitMs;
  }

  has(operation: DeniedSubject["operation"], subject: string): boolean {
    return this.#denials.has(`${operation} ${subject}`);
  }

  /** True while a publish would only be refused again. */
  isRefused(subject: string): boolean {
    if (this.#denials.size === 0) return false;
    const denial = this.#denials.get(`publish ${subject}`);
    return denial !== undefined && denial.retryAtMs > this.#clock.nowMs();
  }

  /**
   * It is tried again on `connection`. Two round trips later (news of a refusal come by another way
   * than answers to pings) the server has permitted it, unless it was refused again.
   */
  retry(connection: NatsConnection, operation: DeniedSubject["operation"], subject: string): void {
    const key = `${operation} ${subject}`;
    const denial = this.#denials.get(key);
    if (denial === undefined) return;
    denial.retryAtMs = this.#clock.nowMs() + RETRY.baseMs;
    connection
      .flush()
      .then(() => connection.flush())
      .then(
        () => {
          if (this.#denials.get(key) === denial) this.#denials.delete(key);
        },
        // The connection is gone, and its denials with it.
        () => undefined,
      );
  }

  /** Of a connection that is gone. */
  clear(): void {
    this.#denials.clear();
  }
}
