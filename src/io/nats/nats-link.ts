import { DebugEvents, ErrorCode, Events, type NatsConnection, type Status } from "nats";
import type { Random } from "../../core/model/random.ts";
import { fullJitterMs } from "../../core/resilience/backoff.ts";
import type { BusProblem } from "../../ports/bus.ts";
import type { Clock } from "../../ports/clock.ts";
import { problemAt } from "./nats-problem.ts";
import type { NatsServer } from "./nats-settings.ts";
import { shuffled } from "./shuffled.ts";
import { TooLateError, withinTime } from "./within-time.ts";

/**
 * Waits between attempts, with full jitter, for ever. At most 2 s: replicas that do not hear each
 * other diverge, and there are few of them to hurt a server that comes back.
 */
const BACKOFF = { baseMs: 200, capMs: 2_000 };

/** A connection that held this long was no flapping one: the next wait is a short one again. */
const HEALTHY_AFTER_MS = 10_000;

/** Doublings beyond this change nothing. */
const MAX_FAILURES = 8;

/** `drain` never ends when the link is down. */
const DRAIN_LIMIT_MS = 3_000;

/** What becomes of connections. Nothing here may throw but `ready`. */
export interface NatsLinkEvents {
  /** A new connection, before it replaces the former one. Rejects when it is of no use. */
  ready(connection: NatsConnection, server: NatsServer): Promise<void>;
  /** The connection broke, and there is no other. */
  lost(connection: NatsConnection, problem: BusProblem): void;
  /** Another connection replaced this one, which is drained. */
  replaced(connection: NatsConnection): void;
  /** An attempt failed, or the server said that it will leave. */
  problem(problem: BusProblem): void;
  /** The server forbids a subject. */
  denied(operation: "publish" | "subscribe", subject: string): void;
}

export interface NatsLinkOptions {
  readonly servers: readonly NatsServer[];
  readonly dial: (server: NatsServer) => Promise<NatsConnection>;
  readonly events: NatsLinkEvents;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Keeps one connection to any of the servers, until `close`.
 *
 *   dialling -ready-> connected -broken, stale-> waiting -> dialling (the next server)
 *                       | the server leaves (lame duck)
 *                       v
 *                     dialling beside it -ready-> connected, and the former one is drained
 */
export class NatsLink {
  readonly #options: NatsLinkOptions;
  readonly #servers: readonly NatsServer[];
  #next = 0;
  #failures = 0;
  #current: NatsConnection | undefined;
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(options: NatsLinkOptions) {
    this.#options = options;
    this.#servers = shuffled(options.servers, options.random);
  }

  /** Connects in the background: no server needs to be there. */
  start(): void {
    this.#keep().catch((error: unknown) => {
      // Nothing in the loop rejects; were it to, the bus would be silent without this line.
      this.#options.events.problem(problemAt("", error));
    });
  }

  /** Drains the connection, for three seconds at most. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wake?.();
    const connection = this.#current;
    this.#current = undefined;
    if (connection !== undefined) await this.#leave(connection);
  }

  async #keep(): Promise<void> {
    while (!this.#isClosed) {
      const hold = await this.#attempt();
      if (hold === undefined) this.#failures++;
      else {
        const sinceMs = this.#options.clock.nowMs();
        await hold.isOver;
        const heldMs = this.#options.clock.nowMs() - sinceMs;
        this.#failures = heldMs >= HEALTHY_AFTER_MS ? 0 : this.#failures + 1;
      }
      await this.#pause();
    }
  }

  /** @returns what ends when another connection is needed; `undefined` when there is none */
  async #attempt(): Promise<{ readonly isOver: Promise<void> } | undefined> {
    const { dial, events } = this.#options;
    const server = this.#servers[this.#next++ % this.#servers.length];
    if (server === undefined) return undefined;
    let connection: NatsConnection | undefined;
    try {
      connection = await dial(server);
      if (!this.#isClosed) await events.ready(connection, server);
    } catch (error) {
      if (connection !== undefined) abandon(connection);
      if (!this.#isClosed) events.problem(problemAt(server.url, error));
      return undefined;
    }
    if (this.#isClosed) {
      abandon(connection);
      return undefined;
    }
    const former = this.#current;
    this.#current = connection;
    if (former !== undefined) {
      this.#leave(former).then(() => events.replaced(former), abandon.bind(undefined, former));
    }
    return { isOver: this.#hold(connection, server) };
  }

  /** Ends when the connection is gone, or should be left. */
  #hold(connection: NatsConnection, server: NatsServer): Promise<void> {
    const { events } = this.#options;
    return new Promise((resolve) => {
      const lose = (error: unknown): void => {
        if (this.#current === connection) {
          this.#current = undefined;
          events.lost(connection, problemAt(server.url, error));
        }
        resolve();
      };
      const onStatus = (status: Status): void => {
        if (this.#current !== connection) return;
        if (status.type === DebugEvents.StaleConnection) {
          // Not awaited: the client closes a socket only once what it wrote was taken.
          lose(new TooLateError("it answers no pings: is it overloaded or frozen?"));
        } else if (status.type === Events.LDM) {
          const message = `NATS server ${server.url} says that it will stop: moving to another one`;
          events.problem({ kind: "unreachable", message });
          resolve();
        } else if (status.type === Events.Error) this.#onError(status, server);
      };
      connection.closed().then(lose, lose);
      follow(connection, onStatus).catch(lose);
    });
  }

  #onError({ data, permissionContext }: Status, server: NatsServer): void {
    const { events } = this.#options;
    if (permissionContext !== undefined) {
      const isPublish = permissionContext.operation === "publish";
      events.denied(isPublish ? "publish" : "subscribe", permissionContext.subject);
    } else if (data !== ErrorCode.AuthenticationExpired && data !== ErrorCode.AccountExpired) {
      const message = `NATS server ${server.url} reports an error: ${String(data)}`;
      events.problem({ kind: "protocol", message });
    }
  }

  async #leave(connection: NatsConnection): Promise<void> {
    try {
      await withinTime(connection.drain(), DRAIN_LIMIT_MS, this.#options.clock, "draining");
    } catch {
      abandon(connection);
    }
  }

  #pause(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    const { clock, random } = this.#options;
    const attempt = Math.min(this.#failures, MAX_FAILURES);
    return new Promise((resolve) => {
      const cancel = clock.after(fullJitterMs(attempt, random, BACKOFF), resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

async function follow(connection: NatsConnection, told: (status: Status) => void): Promise<void> {
  for await (const status of connection.status()) told(status);
}

/** Closes without waiting: whatever comes of it, nobody uses the connection any more. */
function abandon(connection: NatsConnection): void {
  connection.close().catch(() => undefined);
}
