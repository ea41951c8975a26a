import type { NatsConnection } from "nats";
import type { BusRequestFailure } from "../../core/replication/bus-request-error.ts";
import { isSubject } from "../../core/replication/subjects.ts";
import type { Clock } from "../../ports/clock.ts";
import type { NatsDenials } from "./nats-denials.ts";

/** After so many bytes the server is asked whether it has read them. */
const CONFIRM_EVERY_BYTES = 256 * 1024;

/**
 * What a server may leave unread before publishes are refused. A healthy one reads this within a
 * fraction of a second; for a frozen one the process would keep everything until the pings fail.
 */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;

/** Also without traffic, so that the round trip is known. */
const MEASURE_EVERY_MS = 5_000;

/** Why something is not sent. */
export type Refusal = Exclude<BusRequestFailure, "no-responders" | "timeout">;

/**
 * Sends, or says at once why not: the client of `nats` keeps any amount for a server that does not
 * read. What the server has read is known by its answers to pings, which keep their order.
 */
export class NatsOutbox {
  readonly #clock: Clock;
  readonly #denials: NatsDenials;
  #connection: NatsConnection | undefined;
  #sentBytes = 0;
  #readBytes = 0;
  #isAsking = false;
  #stopMeasuring: (() => void) | undefined;
  #maxPayloadBytes = 0;
  rttMs: number | undefined;

  constructor(clock: Clock, denials: NatsDenials) {
    this.#clock = clock;
    this.#denials = denials;
  }

  get isOpen(): boolean {
    return this.#connection !== undefined;
  }

  /** As the server says now: it may change when its configuration is reloaded. */
  get maxPayloadBytes(): number {
    const limit = this.#connection?.info?.max_payload;
    if (limit !== undefined) this.#maxPayloadBytes = limit;
    return this.#maxPayloadBytes;
  }

  open(connection: NatsConnection): void {
    this.#connection = connection;
    this.#sentBytes = 0;
    this.#readBytes = 0;
    this.#isAsking = false;
    this.#stopMeasuring?.();
    this.#measure(connection);
  }

  shut(): void {
    // Read while the client still knows.
    this.#maxPayloadBytes = this.maxPayloadBytes;
    this.#connection = undefined;
    this.#stopMeasuring?.();
    this.rttMs = undefined;
  }

  /** @returns `undefined` when it was handed to the connection */
  send(subject: string, payload: Uint8Array): Refusal | undefined {
    const connection = this.accept(subject, payload.length);
    if (typeof connection === "string") return connection;
    try {
      connection.publish(subject, payload);
    } catch {
      // Closed or draining, and we have not heard of it yet.
      return "disconnected";
    }
    return undefined;
  }

  /** Counts a message that is about to be sent. @returns where to, or why not */
  accept(subject: string, bytes: number): NatsConnection | Refusal {
    const connection = this.#connection;
    if (connection === undefined) return "disconnected";
    if (bytes > this.maxPayloadBytes) return "too-large";
    if (!isSubject(subject) || this.#denials.isRefused(subject)) return "denied";
    if (this.#sentBytes - this.#readBytes > MAX_UNREAD_BYTES) return "overload";
    this.#sentBytes += bytes + subject.length;
    if (this.#sentBytes - this.#readBytes >= CONFIRM_EVERY_BYTES) this.#ask(connection);
    if (this.#denials.has("publish", subject)) this.#denials.retry(connection, "publish", subject);
    return connection;
  }

  #measure(connection: NatsConnection): void {
    this.#ask(connection);
    this.#stopMeasuring = this.#clock.after(MEASURE_EVERY_MS, () => this.#measure(connection));
  }

  #ask(connection: NatsConnection): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const upTo = this.#sentBytes;
    const sinceMs = this.#clock.nowMs();
    connection.flush().then(
      () => {
        if (this.#connection !== connection) return;
        this.#isAsking = false;
        this.#readBytes = upTo;
        this.rttMs = this.#clock.nowMs() - sinceMs;
        if (this.#sentBytes - upTo >= CONFIRM_EVERY_BYTES) this.#ask(connection);
      },
      // The connection is gone, and with it the question.
      () => undefined,
    );
  }
}
