import type { Health } from "../core/model/instance.ts";
import type {
  AttachNotice,
  AttachSession,
  AttachSource,
  LeaseName,
  RegistrationResult,
} from "../ports/attach-source.ts";
import type { Destination } from "../ports/destination.ts";
import {
  type ConnectionEvents,
  ConnectionLoop,
  type ConnectionLoopOptions,
} from "./connection-loop.ts";
import { Goodbyes } from "./goodbyes.ts";
import {
  END_ADVICE,
  isInSession,
  isKnownToServers,
  type Kept,
  type KeptStatus,
  type KeptView,
  leaseOf,
  MAX_BATCH,
  newKept,
  registrationOf,
  viewOf,
} from "./kept-instance.ts";
import type { LocalInstance } from "./local-instance.ts";

/** Missing two beats of 5 s leaves a third of the default lease to attach elsewhere. */
const SILENCE_FACTOR = 2;

/** A server that is full or busy has room again after a moment; a bad field has to be repaired. */
const BUSY_RETRY_MS = 5_000;
const REFUSED_RETRY_MS = 60_000;

/** No server asks for more beats than this; it bounds what a wrong answer can cost. */
const MIN_BEAT_MS = 500;

/** INVALID_ARGUMENT, PERMISSION_DENIED, UNAUTHENTICATED: somebody has to repair something. */
const WRONG: ReadonlySet<number> = new Set([3, 7, 16]);

export interface RegistrationKeeperOptions
  extends Pick<ConnectionLoopOptions, "replicas" | "resolver" | "clock" | "random" | "log"> {
  readonly source: AttachSource;
  readonly clientId: string;
  readonly softwareVersion: string;
  /** A registration id for each instance: new at each start, 1..64 characters. */
  readonly newId: () => string;
  /** Told of every change of an instance's status. */
  readonly onChange?: (instance: KeptView) => void;
}

/** Keeps this agent's instances registered, with whichever server answers. */
export class RegistrationKeeper {
  readonly #options: RegistrationKeeperOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #loop: ConnectionLoop;
  /** Batches without an answer, by request id. */
  readonly #batches = new Map<number, readonly Kept[]>();
  #session: AttachSession | undefined;
  #requests = 0;
  #beats = 0;
  #beatEveryMs = 0;
  #cancelBeat: () => void = () => undefined;
  #cancelRetry: (() => void) | undefined;
  readonly #goodbyes: Goodbyes;
  #isConnecting = false;
  #isStopping = false;

  constructor(options: RegistrationKeeperOptions) {
    this.#options = options;
    this.#goodbyes = new Goodbyes(options.clock);
    this.#loop = new ConnectionLoop({
      purpose: "attach",
      replicas: options.replicas,
      resolver: options.resolver,
      clock: options.clock,
      random: options.random,
      log: options.log,
      silenceFactor: SILENCE_FACTOR,
      open: (destination, events) => this.#open(destination, events),
      lost: () => this.#lost(),
    });
  }

  views(): KeptView[] {
    return Array.from(this.#kept.values(), viewOf);
  }

  /** One more to keep; the first one opens the session. A known key starts anew, as a new process. */
  add(local: LocalInstance): void {
    this.#kept.set(local.key, newKept(local, this.#options.newId()));
    this.#connect();
    this.#registerAway();
  }

  /**
   * Forgets an instance and deregisters it: now, or when a server is there. Resolves with the answer, or after
   * 2 s without one.
   */
  async remove(key: string): Promise<void> {
    const kept = this.#kept.get(key);
    this.#kept.delete(key);
    if (kept !== undefined && isKnownToServers(kept)) await this.#deregister([leaseOf(kept)]);
  }

  /** A probe's verdict; the first one lets the instance be registered. */
  healthChanged(key: string, health: Health, detail: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    kept.health = health;
    kept.detail = health === "healthy" ? "" : detail;
    const { log } = this.#options;
    const fields = { instance: key, health, detail };
    if (health === "healthy") log.info(fields, "the instance is healthy");
    else log.warn(fields, "the instance is unhealthy");
    if (kept.status === "starting") {
      this.#become(kept, "away");
      this.#registerAway();
    } else if (kept.status === "registered" || kept.status === "sent") {
      this.#session?.health([{ lease: leaseOf(kept), health }]);
    }
  }

  /** Deregisters, waits for the answer up to 2 s, from whichever server, and ends the session. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#cancelRetry?.();
    await this.#deregister([...this.#kept.values()].filter(isKnownToServers).map(leaseOf));
    this.#loop.stop();
  }

  #connect(): void {
    if (this.#isConnecting || this.#isStopping) return;
    this.#isConnecting = true;
    this.#loop.start();
  }

  #deregister(leases: readonly LeaseName[]): Promise<void> {
    const answer = this.#goodbyes.add(leases);
    this.#sayGoodbyes();
    return answer;
  }

  #sayGoodbyes(): void {
    if (this.#session !== undefined) this.#goodbyes.say(this.#session, () => ++this.#requests);
  }

  #open(destination: Destination, events: ConnectionEvents): { close(): void } {
    const { source, clientId, softwareVersion } = this.#options;
    const session = source.open(
      destination,
      { clientId, softwareVersion },
      {
        welcome: ({ replicaId, renewIntervalMs, replicas }) => {
          this.#session = session;
          events.welcomed(replicaId, renewIntervalMs, replicas);
          this.#beatEveryMs = renewIntervalMs;
          this.#scheduleBeat();
          // First: another process may have one of their ids by now.
          this.#sayGoodbyes();
          this.#registerAway();
        },
        registered: (requestId, results) => {
          events.alive();
          this.#registered(requestId, results);
        },
        deregistered: (requestId) => {
          events.alive();
          this.#goodbyes.answered(requestId);
        },
        beat: () => events.alive(),
        notice: (notice) => {
          events.alive();
          this.#notice(notice);
        },
        drain: (retryAfterMs, told) =>
          events.drained(retryAfterMs, "the server ends the session", told),
        end: (end) => events.ended(end),
      },
    );
    return session;
  }

  #lost(): void {
    this.#session = undefined;
    this.#cancelBeat();
    this.#batches.clear();
    for (const kept of this.#kept.values()) if (isInSession(kept)) this.#become(kept, "away");
    this.#goodbyes.lost();
  }

  #scheduleBeat(): void {
    this.#cancelBeat();
    const everyMs = Math.max(MIN_BEAT_MS, this.#beatEveryMs);
    this.#cancelBeat = this.#options.clock.after(everyMs, () => {
      this.#session?.beat(++this.#beats);
      this.#scheduleBeat();
    });
  }

  /** A session is there, or an instance became ready: each attachment counts one up. */
  #registerAway(): void {
    const session = this.#session;
    if (session === undefined || this.#isStopping) return;
    const away = [...this.#kept.values()].filter(({ status }) => status === "away");
    for (let i = 0; i < away.length; i += MAX_BATCH) {
      const batch = away.slice(i, i + MAX_BATCH);
      for (const kept of batch) {
        kept.generation++;
        this.#become(kept, "sent");
      }
      this.#batches.set(++this.#requests, batch);
      session.register(this.#requests, batch.map(registrationOf));
    }
  }

  #registered(requestId: number, results: readonly RegistrationResult[]): void {
    const batch = this.#batches.get(requestId) ?? [];
    this.#batches.delete(requestId);
    batch.forEach((kept, i) => {
      const result = results[i];
      if (result?.kind === "accepted") this.#accepted(kept, result);
      else if (result?.kind === "refused") this.#refused(kept, result);
    });
  }

  #accepted(kept: Kept, result: Extract<RegistrationResult, { kind: "accepted" }>): void {
    kept.generation = Math.max(kept.generation, result.generation);
    kept.leaseToken = result.leaseToken;
    if (kept.health === "healthy") kept.detail = "";
    kept.reason = "";
    this.#become(kept, "registered");
    const { log } = this.#options;
    log.info({ instance: kept.local.key, generation: kept.generation }, "registered the instance");
    // One beat keeps all leases, so the shortest one sets the pace.
    if (result.renewIntervalMs >= this.#beatEveryMs) return;
    this.#beatEveryMs = result.renewIntervalMs;
    this.#scheduleBeat();
  }

  #refused(kept: Kept, result: Extract<RegistrationResult, { kind: "refused" }>): void {
    const { code, reason, message } = result;
    if (reason === "SUPERSEDED" || reason === "EVICTED") {
      this.#ended(kept, reason === "EVICTED" ? "evicted" : "superseded", message);
      return;
    }
    const isWrong = WRONG.has(code);
    kept.detail = message;
    kept.reason = reason;
    this.#become(kept, isWrong ? "refused" : "away");
    const retryInMs = isWrong ? REFUSED_RETRY_MS : BUSY_RETRY_MS;
    const fields = { instance: kept.local.key, reason, problem: message, retryInMs };
    this.#options.log.error(fields, "the control plane refused the instance");
    this.#retryIn(retryInMs, isWrong);
  }

  #retryIn(delayMs: number, isPatient: boolean): void {
    if (isPatient && this.#cancelRetry !== undefined) return;
    this.#cancelRetry?.();
    this.#cancelRetry = this.#options.clock.after(delayMs, () => {
      this.#cancelRetry = undefined;
      const refused = [...this.#kept.values()].filter(({ status }) => status === "refused");
      for (const kept of refused) this.#become(kept, "away");
      this.#registerAway();
    });
  }

  #notice({ lease, kind, detail }: AttachNotice): void {
    const isMeant = ({ registrationId }: Kept) => registrationId === lease.registrationId;
    const kept = [...this.#kept.values()].find(isMeant);
    if (kept === undefined) return;
    if (kind !== "reattach") {
      this.#ended(kept, kind, detail);
      return;
    }
    if (!isInSession(kept)) return;
    this.#options.log.info({ instance: kept.local.key, detail }, "the server asks to attach again");
    this.#become(kept, "away");
    this.#registerAway();
  }

  /** Two processes with one id must not take it from each other for ever: the loser stops. */
  #ended(kept: Kept, status: "superseded" | "evicted", detail: string): void {
    kept.detail = detail;
    kept.reason = status === "superseded" ? "SUPERSEDED" : "EVICTED";
    this.#become(kept, status);
    const fields = { instance: kept.local.key, process: kept.registrationId, detail };
    this.#options.log.error(fields, END_ADVICE[status]);
  }

  #become(kept: Kept, status: KeptStatus): void {
    kept.status = status;
    // One that was removed is nobody's business any more.
    if (this.#kept.get(kept.local.key) === kept) this.#options.onChange?.(viewOf(kept));
  }
}
