import type { Health } from "../core/model/instance.ts";
import type { Random } from "../core/model/random.ts";
import type {
  AttachNotice,
  AttachSession,
  AttachSource,
  RegistrationResult,
} from "../ports/attach-source.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import { type ConnectionEvents, ConnectionLoop, type ConnectionState } from "./connection-loop.ts";
import {
  isInSession,
  type Kept,
  type KeptView,
  leaseOf,
  newKept,
  registrationOf,
  viewOf,
} from "./kept-instance.ts";
import type { LocalInstance } from "./local-instance.ts";

/** The server refuses longer batches. */
const MAX_BATCH = 1_000;

/** Missing two beats of 5 s leaves a third of the default lease to attach elsewhere. */
const SILENCE_FACTOR = 2;

/** A server that is full or busy has room again after a moment; a bad field has to be repaired. */
const BUSY_RETRY_MS = 5_000;
const REFUSED_RETRY_MS = 60_000;

/** A stop must not hang on a control plane that is away: the leases run out by themselves. */
export const GOODBYE_MS = 2_000;

/** No server asks for more beats than this; it bounds what a wrong answer can cost. */
const MIN_BEAT_MS = 500;

const INVALID_ARGUMENT = 3;

export interface RegistrationKeeperOptions {
  readonly source: AttachSource;
  readonly addresses: readonly string[];
  readonly clientId: string;
  readonly softwareVersion: string;
  readonly instances: readonly LocalInstance[];
  /** A registration id for each instance: new at each start, 1..64 characters. */
  readonly newId: () => string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
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
  #goodbye: (() => void) | undefined;
  #isStopping = false;

  constructor(options: RegistrationKeeperOptions) {
    this.#options = options;
    for (const local of options.instances) {
      this.#kept.set(local.key, newKept(local, options.newId()));
    }
    this.#loop = new ConnectionLoop({
      purpose: "attach",
      addresses: options.addresses,
      clock: options.clock,
      random: options.random,
      log: options.log,
      silenceFactor: SILENCE_FACTOR,
      open: (address, events) => this.#open(address, events),
      lost: () => this.#lost(),
    });
  }

  get state(): ConnectionState {
    return this.#loop.state;
  }

  views(): KeptView[] {
    return Array.from(this.#kept.values(), viewOf);
  }

  /** Without instances there is nothing to attach for. */
  start(): void {
    if (this.#kept.size > 0) this.#loop.start();
  }

  /** A probe's verdict; the first one lets the instance be registered. */
  healthChanged(key: string, health: Health, detail: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    kept.health = health;
    kept.detail = health === "healthy" ? "" : detail;
    const fields = { instance: key, health, detail };
    if (health === "healthy") this.#options.log.info(fields, "the instance is healthy");
    else this.#options.log.warn(fields, "the instance is unhealthy");
    if (kept.status === "starting") {
      kept.status = "away";
      this.#registerAway();
    } else if (kept.status === "registered" || kept.status === "sent") {
      this.#session?.health([{ lease: leaseOf(kept), health }]);
    }
  }

  /** Deregisters, waits for the answer up to 2 s, and ends the session. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#loop.finish();
    this.#cancelRetry?.();
    const leases = [...this.#kept.values()].filter(isInSession).map(leaseOf);
    const session = this.#session;
    if (session !== undefined && leases.length > 0) {
      await new Promise<void>((resolve) => {
        let waitingFor = 0;
        const cancel = this.#options.clock.after(GOODBYE_MS, () => resolve());
        this.#goodbye = () => {
          if (--waitingFor > 0) return;
          cancel();
          resolve();
        };
        for (let i = 0; i < leases.length; i += MAX_BATCH) {
          waitingFor++;
          session.deregister(++this.#requests, leases.slice(i, i + MAX_BATCH));
        }
      });
    }
    this.#loop.stop();
  }

  #open(address: string, events: ConnectionEvents): { close(): void } {
    const { source, clientId, softwareVersion } = this.#options;
    const session = source.open(
      address,
      { clientId, softwareVersion },
      {
        welcome: ({ replicaId, renewIntervalMs }) => {
          this.#session = session;
          events.welcomed(replicaId, renewIntervalMs);
          this.#beatEveryMs = renewIntervalMs;
          this.#scheduleBeat();
          this.#registerAway();
        },
        registered: (requestId, results) => {
          events.alive();
          this.#registered(requestId, results);
        },
        deregistered: () => {
          events.alive();
          this.#goodbye?.();
        },
        beat: () => events.alive(),
        notice: (notice) => {
          events.alive();
          this.#notice(notice);
        },
        drain: (retryAfterMs) => events.drained(retryAfterMs, "the server ends the session"),
        end: (end) => events.ended(end),
      },
    );
    return session;
  }

  #lost(): void {
    this.#session = undefined;
    this.#cancelBeat();
    this.#batches.clear();
    for (const kept of this.#kept.values()) if (isInSession(kept)) kept.status = "away";
    // Nobody is left who could answer the goodbye.
    if (this.#isStopping) this.#goodbye?.();
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
        kept.status = "sent";
        kept.generation++;
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
    kept.status = "registered";
    kept.generation = Math.max(kept.generation, result.generation);
    kept.leaseToken = result.leaseToken;
    if (kept.health === "healthy") kept.detail = "";
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
    const isWrong = code === INVALID_ARGUMENT;
    kept.status = isWrong ? "refused" : "away";
    kept.detail = message;
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
      for (const kept of this.#kept.values()) if (kept.status === "refused") kept.status = "away";
      this.#registerAway();
    });
  }

  #notice({ lease, kind, detail }: AttachNotice): void {
    const kept = [...this.#kept.values()].find(
      ({ registrationId }) => registrationId === lease.registrationId,
    );
    if (kept === undefined) return;
    if (kind !== "reattach") {
      this.#ended(kept, kind, detail);
      return;
    }
    if (!isInSession(kept)) return;
    this.#options.log.info({ instance: kept.local.key, detail }, "the server asks to attach again");
    kept.status = "away";
    this.#registerAway();
  }

  /** Two processes with one id must not take it from each other for ever: the loser stops. */
  #ended(kept: Kept, status: "superseded" | "evicted", detail: string): void {
    kept.status = status;
    kept.detail = detail;
    const fields = { instance: kept.local.key, registrationId: kept.registrationId, detail };
    const message =
      status === "superseded"
        ? "another process registered this instance's id and holds it now; this agent stops registering it: give one of them another id, then restart its agent"
        : "an operator evicted this instance; this agent stops registering it: restart the agent to bring it back";
    this.#options.log.error(fields, message);
  }
}
