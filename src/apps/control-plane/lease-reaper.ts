import { Tally } from "../../core/model/tally.ts";
import {
  type Doubt,
  EXPIRY_INTERVAL_MS,
  type ExpiryReason,
  expireDue,
  type RoundTime,
  rearmAll,
  wasPaused,
} from "../../core/registry/expiry.ts";
import type { SelfPreservation } from "../../core/registry/self-preservation.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { RegistryReplica } from "./registry-replica.ts";

/** Old fences and empty services are looked for this often. */
const FORGET_INTERVAL_MS = 60_000;

/** Heard again, a replica has by then told what was missed: which clients went to it. */
const SURE_AFTER_MS = 5_000;

/**
 * Ends leases that ran out, one round a second. While a replica is not heard to which clients may have
 * gone, silence ends nobody.
 */
export class LeaseReaper {
  /** How many registrations it ended, by why. */
  readonly expired = new Tally<ExpiryReason>(["silent", "refused"]);
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #replica: RegistryReplica;
  readonly #guard: SelfPreservation;
  readonly #hearsAll: () => boolean;
  /** When somebody was not heard last. */
  #unsureAtMs = Number.NEGATIVE_INFINITY;
  #last: RoundTime;
  #forgotAtMs = 0;
  #frozenScopes = "";
  #cancel: () => void;

  /** @param hearsAll of the other replicas; left out by one that is alone */
  constructor(
    clock: Clock,
    log: Log,
    replica: RegistryReplica,
    guard: SelfPreservation,
    hearsAll: () => boolean = () => true,
  ) {
    this.#clock = clock;
    this.#log = log;
    this.#replica = replica;
    this.#guard = guard;
    this.#hearsAll = hearsAll;
    this.#last = this.#time();
    this.#cancel = this.#schedule();
  }

  stop(): void {
    this.#cancel();
  }

  #time(): RoundTime {
    return { nowMs: this.#clock.nowMs(), wallMs: this.#clock.wallMs() };
  }

  #schedule(): () => void {
    return this.#clock.after(EXPIRY_INTERVAL_MS, () => {
      this.#round();
      this.#cancel = this.#schedule();
    });
  }

  #round(): void {
    const time = this.#time();
    const { registry } = this.#replica;
    if (wasPaused(this.#last, time)) {
      const pausedMs = Math.round(time.wallMs - this.#last.wallMs);
      this.#log.warn({ pausedMs }, "this process stood still; every lease runs anew");
      rearmAll(registry, time.nowMs);
    } else {
      const { silent, refused } = expireDue(registry, this.#guard, time, this.#doubt(time.nowMs));
      this.expired.add("silent", silent);
      this.expired.add("refused", refused);
      const expired = silent + refused;
      if (expired > 0) this.#log.info({ expired }, "leases ran out");
    }
    this.#last = time;
    this.#sayFrozen();
    this.#replica.publish();
    if (time.nowMs - this.#forgotAtMs < FORGET_INTERVAL_MS) return;
    this.#forgotAtMs = time.nowMs;
    registry.forgetOld(time.nowMs);
  }

  #doubt(nowMs: number): Doubt | undefined {
    if (!this.#hearsAll()) this.#unsureAtMs = nowMs;
    if (nowMs - this.#unsureAtMs >= SURE_AFTER_MS) return undefined;
    const { sessions } = this.#replica;
    return { isAttached: (sessionId) => sessions.isOpen(sessionId) };
  }

  #sayFrozen(): void {
    const scopes = this.#guard.frozenScopes();
    const names = scopes.map(({ scope }) => scope).join(" ");
    if (names === this.#frozenScopes) return;
    this.#frozenScopes = names;
    if (scopes.length === 0) this.#log.info({}, "expiry is no longer frozen");
    for (const { scope, reason } of scopes) {
      this.#log.warn(
        { scope },
        `expiry is frozen: ${reason}; \`weir evict\` removes what is really gone`,
      );
    }
  }
}
