import { ErrorCode, type NatsConnection, NatsError } from "nats";
import { MeshError } from "../../core/model/mesh-error.ts";
import { BusRequestError } from "../../core/replication/bus-request-error.ts";
import { isSubjectPattern, matchesSubject } from "../../core/replication/subjects.ts";
import type {
  Bus,
  BusChange,
  BusMessage,
  BusProblem,
  BusState,
  BusSubscription,
} from "../../ports/bus.ts";
import type { Log } from "../../ports/log.ts";
import { NatsDenials } from "./nats-denials.ts";
import { DIAL_TIMEOUT_MS, dialNats, type NatsDialOptions } from "./nats-dial.ts";
import { NatsLink } from "./nats-link.ts";
import { NatsOutbox } from "./nats-outbox.ts";
import { permissionFix } from "./nats-problem.ts";
import { type NatsServer, parseServers } from "./nats-settings.ts";
import { NatsSubscriptions } from "./nats-subscriptions.ts";
import { RepeatedNews } from "./repeated-news.ts";
import { withinTime } from "./within-time.ts";

/** Replication has a handful under way; more wait for somebody who does not answer. */
const MAX_REQUESTS = 1_024;

export interface NatsBusOptions extends NatsDialOptions {
  readonly log: Log;
}

/**
 * The bus over core NATS. Connects in the background and for ever; a server that is absent when the
 * program starts delays nothing.
 */
export class NatsBus implements Bus {
  readonly #options: NatsBusOptions;
  readonly #denials: NatsDenials;
  readonly #outbox: NatsOutbox;
  readonly #subscriptions: NatsSubscriptions;
  readonly #link: NatsLink;
  readonly #listeners = new Set<(change: BusChange) => void>();
  #server = "";
  #serverName = "";
  #sinceMs: number;
  #connectCount = 0;
  #droppedCount = 0;
  #listenerErrorCount = 0;
  #requestCount = 0;
  #lastProblem: BusProblem | undefined;
  readonly #news = new RepeatedNews();
  #isClosed = false;

  /** @throws MeshError INVALID_ARGUMENT for a bad URL or contradicting settings; never for what may come later */
  constructor(options: NatsBusOptions) {
    const { clock, random } = options;
    const servers = parseServers(options);
    this.#options = options;
    this.#sinceMs = clock.nowMs();
    this.#denials = new NatsDenials(clock, random);
    this.#outbox = new NatsOutbox(clock, this.#denials);
    this.#subscriptions = new NatsSubscriptions({
      clock,
      denials: this.#denials,
      reply: (subject, payload) => this.#reply(subject, payload),
      denied: (pattern) => this.#denied("subscribe", pattern),
      listenerFailed: (error, subject) => this.#listenerFailed(error, { subject }),
    });
    this.#link = new NatsLink({
      servers,
      dial: (server) => dialNats(server, options),
      clock,
      random,
      events: {
        ready: (connection, server) => this.#ready(connection, server),
        lost: (connection, problem) => this.#lost(connection, problem),
        replaced: (connection) => this.#subscriptions.detach(connection),
        problem: (problem) => this.#problem(problem),
        denied: (operation, subject) => this.#deniedByStatus(operation, subject),
      },
    });
    this.#link.start();
  }

  get state(): BusState {
    return {
      isConnected: this.#outbox.isOpen,
      server: this.#server,
      serverName: this.#serverName,
      sinceMs: this.#sinceMs,
      maxPayloadBytes: this.#outbox.maxPayloadBytes,
      rttMs: this.#outbox.rttMs,
      reconnectCount: Math.max(0, this.#connectCount - 1),
      droppedCount: this.#droppedCount,
      listenerErrorCount: this.#listenerErrorCount,
      lastProblem: this.#lastProblem,
      denied: this.#denials.list,
    };
  }

  publish(subject: string, payload: Uint8Array): boolean {
    const refusal = this.#outbox.send(subject, payload);
    if (refusal !== undefined) this.#drop();
    return refusal === undefined;
  }

  subscribe(pattern: string, listener: (message: BusMessage) => void): BusSubscription {
    if (!isSubjectPattern(pattern)) {
      throw new MeshError("INTERNAL", `"${pattern}" is no pattern of subjects`);
    }
    if (matchesSubject(pattern, `${this.#options.inboxPrefix}.client.request`)) {
      // The server hands "no responders" to any one subscription that covers the inbox.
      throw new MeshError("INTERNAL", `"${pattern}" covers the subjects at which replies arrive`);
    }
    return this.#subscriptions.add(pattern, listener);
  }

  async request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const accepted =
      this.#requestCount >= MAX_REQUESTS
        ? "overload"
        : this.#outbox.accept(subject, payload.length);
    if (typeof accepted === "string") {
      this.#drop();
      throw new BusRequestError(accepted, subject);
    }
    this.#requestCount++;
    try {
      const timeout = Math.max(1, timeoutMs);
      return (await accepted.request(subject, payload, { timeout })).data;
    } catch (error) {
      throw new BusRequestError(failureOf(error, accepted), subject, error);
    } finally {
      this.#requestCount--;
    }
  }

  onState(listener: (change: BusChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listeners.clear();
    this.#outbox.shut();
    await this.#link.close();
    this.#subscriptions.close();
  }

  /** Everything is subscribed, and the server has read that, before anybody hears of the connection. */
  async #ready(connection: NatsConnection, server: NatsServer): Promise<void> {
    const { clock, log, dialTimeoutMs = DIAL_TIMEOUT_MS } = this.#options;
    if (!this.#outbox.isOpen) this.#denials.clear();
    this.#subscriptions.attach(connection);
    try {
      await withinTime(connection.flush(), dialTimeoutMs, clock, "subscribing");
      if (connection.isClosed()) throw (await connection.closed()) ?? new Error("it hung up");
    } catch (error) {
      this.#subscriptions.detach(connection);
      throw error;
    }
    if (this.#isClosed) return;
    this.#outbox.open(connection);
    this.#server = server.url;
    this.#serverName = connection.info?.server_name ?? "";
    this.#sinceMs = clock.nowMs();
    this.#connectCount++;
    const isFirst = this.#connectCount === 1;
    if (this.#denials.list.length === 0) this.#news.forget();
    log.info(
      { server: server.url, serverName: this.#serverName, version: connection.info?.version },
      isFirst ? "connected to NATS" : "connected to NATS again",
    );
    this.#tell({ kind: "connected", server: server.url });
  }

  #lost(connection: NatsConnection, problem: BusProblem): void {
    this.#subscriptions.detach(connection);
    this.#outbox.shut();
    this.#sinceMs = this.#options.clock.nowMs();
    this.#note(problem);
    this.#tell({ kind: "disconnected", problem });
  }

  #problem(problem: BusProblem): void {
    this.#note(problem);
    this.#tell({ kind: "problem", problem });
  }

  #note(problem: BusProblem): void {
    const { clock, log } = this.#options;
    this.#lastProblem = problem;
    if (this.#news.isDue(problem.message, clock.nowMs())) {
      log.warn({ kind: problem.kind }, problem.message);
    }
  }

  #deniedByStatus(operation: "publish" | "subscribe", subject: string): void {
    // Listeners of ours have heard of it by themselves; what remains is where replies arrive.
    if (operation === "subscribe" && this.#subscriptions.has(subject)) return;
    this.#denials.add(operation, subject);
    this.#denied(operation, subject);
  }

  #denied(operation: "publish" | "subscribe", subject: string): void {
    const fix = permissionFix(operation, subject);
    const verb = operation === "publish" ? "publish to" : "subscribe to";
    const message = `NATS server ${this.#server} forbids us to ${verb} ${subject}: ${fix}`;
    this.#problem({ kind: "permission", message });
  }

  #reply(subject: string, payload: Uint8Array): boolean {
    // Whoever asks names where the reply goes: nobody shall make us speak in another's place.
    const isInbox = subject.startsWith(`${this.#options.inboxPrefix}.`);
    return isInbox ? this.publish(subject, payload) : this.#drop();
  }

  #drop(): false {
    this.#droppedCount++;
    return false;
  }

  #tell(change: BusChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        this.#listenerFailed(error, { change: change.kind });
      }
    }
  }

  #listenerFailed(error: unknown, where: object): void {
    this.#listenerErrorCount++;
    // One line for each power of two: a listener that always throws is called for each message.
    const count = this.#listenerErrorCount;
    if ((count & (count - 1)) !== 0) return;
    this.#options.log.error({ err: error, count, ...where }, "a listener of the bus threw");
  }
}

function failureOf(error: unknown, connection: NatsConnection): BusRequestError["reason"] {
  // A connection that closes ends its requests with TIMEOUT.
  if (connection.isClosed() || !(error instanceof NatsError)) return "disconnected";
  if (error.code === ErrorCode.NoResponders) return "no-responders";
  if (error.code === ErrorCode.PermissionsViolation) return "denied";
  if (error.code === ErrorCode.MaxPayloadExceeded) return "too-large";
  return error.code === ErrorCode.Timeout ? "timeout" : "disconnected";
}
