import type { Msg, NatsConnection, NatsError, Subscription } from "nats";
import type { BusMessage, BusSubscription } from "../../ports/bus.ts";
import type { Clock } from "../../ports/clock.ts";
import type { NatsDenials } from "./nats-denials.ts";

export interface NatsSubscriptionsOptions {
  readonly clock: Clock;
  readonly denials: NatsDenials;
  /** Answers a request. @returns false when nothing was sent */
  readonly reply: (subject: string, payload: Uint8Array) => boolean;
  /** The server forbids a pattern; it is tried again by itself. */
  readonly denied: (pattern: string) => void;
  readonly listenerFailed: (error: unknown, subject: string) => void;
}

interface Entry {
  readonly pattern: string;
  readonly listener: (message: BusMessage) => void;
  /** At the connection made last. */
  subscription: Subscription | undefined;
  cancelRetry: (() => void) | undefined;
}

/** What is listened to, across connections. */
export class NatsSubscriptions {
  readonly #options: NatsSubscriptionsOptions;
  readonly #entries = new Set<Entry>();
  /** The newest last; two while the bus moves. A connection that hangs may wake up after it was given up. */
  readonly #live: NatsConnection[] = [];

  constructor(options: NatsSubscriptionsOptions) {
    this.#options = options;
  }

  add(pattern: string, listener: (message: BusMessage) => void): BusSubscription {
    const entry: Entry = { pattern, listener, subscription: undefined, cancelRetry: undefined };
    this.#entries.add(entry);
    for (const connection of this.#live) this.#subscribe(entry, connection);
    return {
      close: () => {
        if (!this.#entries.delete(entry)) return;
        entry.cancelRetry?.();
        end(entry.subscription);
      },
    };
  }

  /** True for a pattern that somebody listens to. */
  has(pattern: string): boolean {
    return [...this.#entries].some((entry) => entry.pattern === pattern);
  }

  /** Subscribes to everything on a new connection; an older one still delivers until `detach`. */
  attach(connection: NatsConnection): void {
    this.#live.push(connection);
    for (const entry of this.#entries) this.#subscribe(entry, connection);
  }

  detach(connection: NatsConnection): void {
    const at = this.#live.indexOf(connection);
    if (at !== -1) this.#live.splice(at, 1);
  }

  /** Nobody is called any more. */
  close(): void {
    for (const entry of this.#entries) entry.cancelRetry?.();
    this.#entries.clear();
    this.#live.length = 0;
  }

  #subscribe(entry: Entry, connection: NatsConnection): void {
    entry.cancelRetry?.();
    entry.cancelRetry = undefined;
    const { denials } = this.#options;
    try {
      entry.subscription = connection.subscribe(entry.pattern, {
        callback: (error, message) => this.#deliver(entry, connection, error, message),
      });
    } catch {
      // Closed, and we have not heard of it yet: the next connection subscribes.
      return;
    }
    denials.retry(connection, "subscribe", entry.pattern);
  }

  /** Called by the parser of the client, which a throw would end. */
  #deliver(entry: Entry, connection: NatsConnection, error: NatsError | null, message: Msg): void {
    if (!this.#live.includes(connection) || !this.#entries.has(entry)) return;
    if (error !== null) {
      this.#retryLater(entry, connection);
      return;
    }
    try {
      entry.listener(new NatsMessage(message, this.#options.reply));
    } catch (thrown) {
      this.#options.listenerFailed(thrown, message.subject);
    }
  }

  #retryLater(entry: Entry, connection: NatsConnection): void {
    const { clock, denials, denied } = this.#options;
    entry.subscription = undefined;
    const waitMs = denials.add("subscribe", entry.pattern);
    entry.cancelRetry?.();
    entry.cancelRetry = clock.after(waitMs, () => {
      if (this.#live.includes(connection)) this.#subscribe(entry, connection);
    });
    denied(entry.pattern);
  }
}

class NatsMessage implements BusMessage {
  readonly #message: Msg;
  readonly #reply: (subject: string, payload: Uint8Array) => boolean;

  constructor(message: Msg, reply: (subject: string, payload: Uint8Array) => boolean) {
    this.#message = message;
    this.#reply = reply;
  }

  get subject(): string {
    return this.#message.subject;
  }

  get payload(): Uint8Array {
    return this.#message.data;
  }

  reply(payload: Uint8Array): boolean {
    return this.#reply(this.#message.reply ?? "", payload);
  }
}

function end(subscription: Subscription | undefined): void {
  try {
    subscription?.unsubscribe();
  } catch {
    // Its connection is closed.
  }
}
