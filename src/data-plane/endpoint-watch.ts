import type { ApplyResult } from "../core/discovery/apply-result.ts";
import { SeenPositions } from "../core/discovery/seen-positions.ts";
import type { EndpointsUpdate, InFlightReport, Update } from "../core/discovery/update.ts";
import type { Endpoint } from "../core/model/endpoint.ts";
import { type ServiceKey, serviceKey, splitServiceKey } from "../core/model/names.ts";
import type { Destination } from "../ports/destination.ts";
import type {
  AgentHello,
  ServiceSubscription,
  WatchSource,
  WatchStream,
  WatchWelcome,
} from "../ports/watch-source.ts";
import { Acknowledger } from "./acknowledger.ts";
import {
  type ConnectionEvents,
  ConnectionLoop,
  type ConnectionLoopOptions,
  type ConnectionNews,
  type ConnectionState,
} from "./connection-loop.ts";

/** The server refuses longer messages. */
const MAX_SUBSCRIPTIONS_A_MESSAGE = 1_000;

/** Two heartbeats may be lost, and half of the third. With the server's 10 s that is 25 s. */
const SILENCE_FACTOR = 2.5;

/** A set that does not match is asked for again this often: never a loop. */
export const MISMATCH_RETRY_MS = 60_000;

/** A server that does not answer a goodbye must not hold up the end. */
const GOODBYE_MS = 1_000;

/** Beyond it a report per process is no longer remembered; the next drain reports anew. */
const MAX_REPORTED = 10_000;

/** The services that are watched, as the watch needs them. */
export interface WatchedServices {
  /** Every service of every namespace is wanted. */
  readonly wantsAll: boolean;
  subscriptions(): ServiceSubscription[];
  /** Applies it to what is routed to, before it returns. `undefined` for a service that nobody wants. */
  apply(update: Update, epoch: number): ApplyResult | undefined;
  /** The next subscription of that service asks for everything. */
  forgetPosition(namespace: string, service: string): void;
  resumeOf(namespace: string, service: string): ServiceSubscription;
  inFlightOf(key: ServiceKey, endpoint: Endpoint): number;
  /** Endpoints of a service that drain. */
  drainingOf(key: ServiceKey): readonly Endpoint[];
  /** Endpoints that left a service with requests under way. */
  retiredOf(key: ServiceKey): readonly Endpoint[];
}

export interface EndpointWatchOptions
  extends Pick<ConnectionLoopOptions, "replicas" | "resolver" | "clock" | "random" | "log"> {
  readonly source: WatchSource;
  readonly hello: AgentHello;
  readonly services: WatchedServices;
  /** How far the replicas were that told what is held already; nothing when left out. */
  readonly seen?: SeenPositions;
  /** Told of each welcome and of each failure. */
  readonly onConnection?: (news: ConnectionNews) => void;
}

/** Keeps the agent's view of its services up to date, from whichever server answers. */
export class EndpointWatch {
  readonly #options: EndpointWatchOptions;
  readonly #loop: ConnectionLoop;
  readonly #acks: Acknowledger;
  readonly #seen: SeenPositions;
  /** Services whose draining endpoints this stream's server has heard of. */
  readonly #introduced = new Set<ServiceKey>();
  #stream: WatchStream | undefined;
  #epoch = 0;
  #beats = 0;
  #cancelBeat: () => void = () => undefined;
  #lastUpdateAtMs: number | undefined;
  /** When each service was last asked for anew, because it did not fit. */
  readonly #askedAgainAtMs = new Map<ServiceKey, number>();
  /** Services that still do not fit. */
  readonly #misfits = new Set<ServiceKey>();
  #cancelRetry: (() => void) | undefined;
  #goodbye: (() => void) | undefined;
  /** Last reported count of requests in flight, by registration. */
  readonly #reported = new Map<string, number>();

  constructor(options: EndpointWatchOptions) {
    this.#options = options;
    this.#seen = options.seen ?? new SeenPositions();
    this.#acks = new Acknowledger(options.clock, (acks) => this.#stream?.acknowledge(acks));
    this.#loop = new ConnectionLoop({
      purpose: "watch",
      replicas: options.replicas,
      resolver: options.resolver,
      clock: options.clock,
      random: options.random,
      log: options.log,
      silenceFactor: SILENCE_FACTOR,
      open: (destination, events) => this.#open(destination, events),
      lost: () => this.#lost(),
      onNews: options.onConnection,
    });
  }

  get state(): ConnectionState {
    return this.#loop.state;
  }

  /** Monotonic time of the last update or heartbeat; `undefined` before the first. */
  get lastHeardAtMs(): number | undefined {
    return this.#lastUpdateAtMs;
  }

  start(): void {
    this.#loop.start();
  }

  /** Says goodbye, so that no drain waits for this agent, and ends the connection. */
  async stop(): Promise<void> {
    const stream = this.#stream;
    this.#loop.finish();
    if (stream !== undefined) {
      this.#acks.flush();
      await new Promise<void>((resolve) => {
        const cancel = this.#options.clock.after(GOODBYE_MS, () => resolve());
        this.#goodbye = () => {
          cancel();
          resolve();
        };
        stream.goodbye();
      });
    }
    this.#loop.stop();
  }

  /** Watches one more service. Without a connection, the next one takes it along. */
  subscribe(namespace: string, service: string): void {
    if (!this.#loop.isConnected || this.#options.services.wantsAll) return;
    this.#stream?.subscribe(false, [this.#options.services.resumeOf(namespace, service)]);
  }

  /** The last request to a draining endpoint ended. */
  becameIdle(key: ServiceKey, endpoint: Endpoint): void {
    const former = this.#reported.get(endpoint.registrationId);
    if (former === undefined || former === 0) return;
    this.#reported.set(endpoint.registrationId, 0);
    this.#stream?.reportInFlight([reportOf(key, endpoint, 0)]);
  }

  #open(destination: Destination, events: ConnectionEvents): { close(): void } {
    const hello = { ...this.#options.hello, seen: this.#seen.list() };
    const stream = this.#options.source.open(destination, hello, {
      welcome: (welcome) => {
        this.#stream = stream;
        events.welcomed(welcome.replicaId, welcome.heartbeatIntervalMs, welcome.replicas);
        this.#welcomed(welcome);
      },
      update: (update) => {
        events.alive();
        this.#update(update);
      },
      heartbeat: () => {
        this.#lastUpdateAtMs = this.#options.clock.nowMs();
        events.alive();
      },
      drain: (retryAfterMs, reason, told) => events.drained(retryAfterMs, reason, told),
      end: (end) => events.ended(end),
    });
    return stream;
  }

  #welcomed({ epoch, heartbeatIntervalMs }: WatchWelcome): void {
    this.#epoch = epoch;
    const { services } = this.#options;
    const subscriptions = services.subscriptions();
    for (let i = 0; i < subscriptions.length; i += MAX_SUBSCRIPTIONS_A_MESSAGE) {
      this.#stream?.subscribe(false, subscriptions.slice(i, i + MAX_SUBSCRIPTIONS_A_MESSAGE));
    }
    // After the tokens: it answers what has none.
    if (services.wantsAll) this.#stream?.subscribe(true, []);
    this.#scheduleBeat(heartbeatIntervalMs);
  }

  #scheduleBeat(everyMs: number): void {
    this.#cancelBeat = this.#options.clock.after(everyMs, () => {
      this.#stream?.heartbeat(++this.#beats);
      this.#scheduleBeat(everyMs);
    });
  }

  #lost(): void {
    this.#stream = undefined;
    this.#goodbye?.();
    this.#cancelBeat();
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#acks.clear();
    this.#reported.clear();
    this.#introduced.clear();
    this.#askedAgainAtMs.clear();
    this.#misfits.clear();
  }

  #update(update: Update): void {
    this.#lastUpdateAtMs = this.#options.clock.nowMs();
    const { namespace, service, version } = update;
    const result = this.#options.services.apply(update, this.#epoch);
    if (update.type === "endpoints" && update.positions) this.#seen.saw(update.positions);
    if (update.type === "service" || result === undefined) {
      const chunk = update.type === "service" ? 0 : update.chunk;
      const nonce = { type: update.type, namespace, service, version, chunk };
      this.#acks.add({ nonce, rejected: [], digestMismatch: false, held: false }, false);
      return;
    }
    if (result.outcome === "out-of-step") {
      this.#askAgain(serviceKey(namespace, service), false);
      return;
    }
    this.#acknowledge(update, result);
    if (result.digestMismatch) this.#askAgain(serviceKey(namespace, service), true);
    else if (result.outcome === "applied") this.#misfits.delete(serviceKey(namespace, service));
  }

  /** The change is in the picker by now: only then may the server count on it. */
  #acknowledge(update: EndpointsUpdate, result: ApplyResult): void {
    const { namespace, service, version, chunk } = update;
    const { rejected, digestMismatch, held } = result;
    const key = serviceKey(namespace, service);
    // A server that hears from us for the first time knows nothing of drains that we applied before.
    const draining = this.#introduced.has(key)
      ? result.draining
      : this.#options.services.drainingOf(key);
    this.#introduced.add(key);
    const nonce = { type: "endpoints" as const, namespace, service, version, chunk };
    const isUrgent = result.urgent || draining.length > 0 || rejected.length > 0 || digestMismatch;
    const reported = [...draining, ...this.#busyAgain(key, draining)];
    // Before the ACK: once the server counts on the drain, its count must not be an older drain's.
    if (reported.length > 0) this.#reportInFlight(key, reported);
    this.#acks.add({ nonce, rejected, digestMismatch, held }, isUrgent);
    if (rejected.length > 0) {
      const fields = { service: key, rejected };
      this.#options.log.warn(fields, "endpoints that cannot be used; keeping their former content");
    }
  }

  /**
   * Who is busy and of whom the server believes otherwise: reported idle, and sent to since (as the last one
   * that was left, a draining endpoint is picked), or gone in the middle of requests.
   */
  #busyAgain(key: ServiceKey, told: readonly Endpoint[]): Endpoint[] {
    const { services } = this.#options;
    const draining = this.#reported.size > 0 ? services.drainingOf(key) : [];
    return [...draining, ...services.retiredOf(key)].filter(
      (endpoint) =>
        (this.#reported.get(endpoint.registrationId) ?? 0) === 0 &&
        services.inFlightOf(key, endpoint) > 0 &&
        !told.includes(endpoint),
    );
  }

  #reportInFlight(key: ServiceKey, draining: readonly Endpoint[]): void {
    if (this.#reported.size + draining.length > MAX_REPORTED) this.#reported.clear();
    const reports = draining.map((endpoint) => {
      const count = this.#options.services.inFlightOf(key, endpoint);
      this.#reported.set(endpoint.registrationId, count);
      return reportOf(key, endpoint, count);
    });
    this.#stream?.reportInFlight(reports);
  }

  /** Subscribes anew to what does not fit: at once the first time, then every 60 s at most. */
  #askAgain(key: ServiceKey, fromScratch: boolean): void {
    const { clock, services, log } = this.#options;
    const { namespace, service } = splitServiceKey(key);
    if (fromScratch) services.forgetPosition(namespace, service);
    this.#misfits.add(key);
    this.#cancelRetry ??= clock.after(MISMATCH_RETRY_MS, () => this.#retryMisfits());
    const lastMs = this.#askedAgainAtMs.get(key);
    if (lastMs !== undefined && clock.nowMs() - lastMs < MISMATCH_RETRY_MS) return;
    this.#askedAgainAtMs.set(key, clock.nowMs());
    const reason = fromScratch ? "the digest does not match" : "a version is missing";
    log.warn({ service: key, reason }, "asking for a service's endpoints again");
    this.#stream?.subscribe(false, [services.resumeOf(namespace, service)]);
  }

  #retryMisfits(): void {
    this.#cancelRetry = undefined;
    for (const key of [...this.#misfits]) this.#askAgain(key, false);
  }
}

function reportOf(key: ServiceKey, endpoint: Endpoint, count: number): InFlightReport {
  return {
    ...splitServiceKey(key),
    instanceId: endpoint.id,
    registrationId: endpoint.registrationId,
    count,
  };
}
