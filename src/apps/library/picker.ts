import { hash32 } from "../../core/model/hash.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import { serviceKey } from "../../core/model/names.ts";
import type { Random } from "../../core/model/random.ts";
import { targetOf } from "../../data-plane/attempt-target.ts";
import type { ServiceTable } from "../../data-plane/service-table.ts";
import type { UpstreamService } from "../../data-plane/upstream-service.ts";
import type { Clock } from "../../ports/clock.ts";
import { Pick } from "./pick.ts";
import { abortable } from "./waiting.ts";

/** Two round trips and a reconnect; a program that starts beside its services may say more. */
const DEFAULT_TIMEOUT_MS = 2_000;

export interface PickOptions {
  /** What `source_hash` keeps together: the same key, the same endpoint. The mesh's id when left out. */
  readonly key?: string;
  /** How long to wait for the service's first answer, and for an endpoint. 2 s when left out. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Earlier picks of the same request: not chosen while another endpoint is usable. */
  readonly tried?: readonly Pick[];
}

/** Chooses endpoints for requests that the program sends itself. */
export class Picker {
  readonly #table: ServiceTable;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #identity: string;

  constructor(table: ServiceTable, clock: Clock, random: Random, identity: string) {
    this.#table = table;
    this.#clock = clock;
    this.#random = random;
    this.#identity = identity;
  }

  /** @throws MeshError SERVICE_NOT_FOUND or NO_ENDPOINT when none comes in time; the signal's reason. */
  async pick(namespace: string, name: string, options: PickOptions): Promise<Pick> {
    options.signal?.throwIfAborted();
    const service = this.#table.lookup(namespace, name);
    const now = service && this.#now(service, options);
    return now ?? abortable(this.#later(namespace, name, options), options.signal, release);
  }

  #now(service: UpstreamService, { key, tried = [] }: PickOptions): Pick | undefined {
    const affinity = hash32(key ?? this.#identity);
    const loads = tried.map(({ load }) => load);
    const load = service.pick(this.#clock.nowMs(), this.#random, affinity, loads);
    const target = load && targetOf(service.key, load.endpoint, service.settings.port);
    return target && new Pick(service, load, target, this.#clock);
  }

  #later(namespace: string, name: string, options: PickOptions): Promise<Pick> {
    const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
    const entry = this.#table.subscribe(namespace, name);
    if (entry === undefined) return Promise.reject(this.#whyNot(namespace, name, 0));
    const { promise, resolve, reject } = Promise.withResolvers<Pick>();
    const stop = () => {
      cancel();
      unfollow();
      signal?.removeEventListener("abort", stop);
    };
    const cancel = this.#clock.after(timeoutMs, () => {
      stop();
      reject(this.#whyNot(namespace, name, timeoutMs));
    });
    const look = () => {
      const service = this.#table.lookup(namespace, name);
      const pick = service && this.#now(service, options);
      if (pick === undefined) return;
      stop();
      resolve(pick);
    };
    const unfollow = this.#table.follow(entry, look);
    signal?.addEventListener("abort", stop);
    return promise;
  }

  #whyNot(namespace: string, name: string, timeoutMs: number): MeshError {
    const key = serviceKey(namespace, name);
    const service = this.#table.lookup(namespace, name);
    const exists = this.#table.entry(key)?.exists === true;
    if (service !== undefined && exists) {
      return new MeshError("NO_ENDPOINT", `${service.whyEmpty()} (waited ${timeoutMs} ms)`);
    }
    return new MeshError(
      "SERVICE_NOT_FOUND",
      `service ${key} is not known after ${timeoutMs} ms: check the name with \`weir services -n ${namespace}\`, or register an instance of it`,
    );
  }
}

/** A pick that came too late for its caller is no request. */
function release(pick: Pick): void {
  pick.end("cancelled");
}
