import { status as Status } from "@grpc/grpc-js";
import type { DrainResponse } from "../../src/gen/weir/v1/registry.ts";
import { keyOf, type MeshTruth, type TrueRegistration } from "../support/mesh-truth.ts";
import { seededRandom } from "../support/seeded-random.ts";
import type { Replica } from "./cluster.ts";
import { answer } from "./control-plane.ts";
import type { Fleet } from "./fleet.ts";

/** Fine enough for an even rate. */
const TICK_MS = 10;

/** A drained instance waits this long for its end, so that everybody sees the drain first. */
const DRAIN_MS = 1_500;

/** What could not be changed during a fault is not made up for in one burst after it. */
const MAX_BACKLOG_S = 0.2;

/** What changed this shortly before a split may not have been told in time. */
const NEWS_MS = 2_000;

/** How much a service may grow or shrink beyond its size. */
const MARGIN = 2;

export interface ChurnOptions {
  readonly truth: MeshTruth;
  readonly fleet: Fleet;
  readonly replicas: readonly Replica[];
  /** Those whose instances come and go. */
  readonly services: readonly string[];
  readonly instances: number;
  readonly perSecond: number;
  /** Replicas that answer nobody just now: what needs them is left alone. */
  readonly isSilent: (replicaId: string) => boolean;
}

/** A steady stream of every kind of change: restarts, successors, health, scaling, drains. */
export class Churn {
  /** Changes begun. */
  changes = 0;
  /** Drains that were refused or not answered. */
  failedDrains = 0;
  /** Left alone for now: `SERVICE/ID`. */
  readonly spared = new Set<string>();
  #splitAtMs: number | undefined;
  readonly #options: ChurnOptions;
  readonly #random = seededRandom(4);
  readonly #unhealthy = new Set<string>();
  readonly #busy = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #startedAtMs = 0;
  #due = 0;
  #names = 0;

  constructor(options: ChurnOptions) {
    this.#options = options;
  }

  start(): void {
    this.#startedAtMs = performance.now();
    this.#due = this.changes;
    const already = this.changes;
    this.#timer = setInterval(() => {
      const elapsedMs = performance.now() - this.#startedAtMs;
      this.#due = already + (elapsedMs / 1_000) * this.#options.perSecond;
      const missing = Math.min(this.#due - this.changes, this.#options.perSecond * MAX_BACKLOG_S);
      for (let tries = missing; tries >= 1; tries--) this.#change();
    }, TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /**
   * Replicas do not hear each other from now on. A process that one of them has not heard of can be
   * succeeded there by one that leaves before they meet: then nobody could tell who was the last.
   */
  split(): void {
    this.#splitAtMs = performance.now();
  }

  /** All of them agree again. */
  healed(): void {
    this.#splitAtMs = undefined;
    this.spared.clear();
  }

  #change(): void {
    const found = this.#pick();
    if (found === undefined) return;
    const kind = this.#random();
    this.changes++;
    if (kind < 0.35) this.#restart(found);
    else if (kind < 0.55) this.#succeed(found);
    else if (kind < 0.75) this.#flipHealth(found);
    else if (kind < 0.9) this.#scale(found);
    else void this.#drain(found);
  }

  /** Live, not about to end, and with a client that is attached to somebody who answers. */
  #pick(): TrueRegistration | undefined {
    const { truth, fleet, services, isSilent } = this.#options;
    const service = services[Math.floor(this.#random() * services.length)] ?? "";
    const live = truth.liveOf(service).filter((one) => {
      const replica = fleet.replicaOf(one);
      const isLeftAlone = this.#busy.has(one.registrationId) || this.spared.has(keyOf(one));
      return !isLeftAlone && replica !== "" && !isSilent(replica);
    });
    return live[Math.floor(this.#random() * live.length)];
  }

  /** The process ends and another one takes its place: two changes. */
  #restart(old: TrueRegistration): void {
    this.changes++;
    const { fleet } = this.#options;
    fleet.deregister(old);
    fleet.register(fleet.clientOf(old), [this.#next(old)]);
  }

  /** Another process, elsewhere, takes the id; the former one does not know yet. */
  #succeed(old: TrueRegistration): void {
    const { fleet } = this.#options;
    const others = fleet.clientCount - 1;
    const client = (fleet.clientOf(old) + 1 + Math.floor(this.#random() * others)) % (others + 1);
    const replica = fleet.attachedTo(client);
    const isKnownThere = replica === fleet.replicaOf(old) || !this.#isNews(old);
    if (replica === "" || this.#options.isSilent(replica) || !isKnownThere) {
      this.#flipHealth(old);
    } else {
      fleet.register(client, [this.#next(old)]);
    }
  }

  /** Whether it changed since replicas do not hear each other. */
  #isNews(one: TrueRegistration): boolean {
    if (this.#splitAtMs === undefined) return false;
    return this.#options.truth.isRecent(keyOf(one), performance.now() - this.#splitAtMs + NEWS_MS);
  }

  #flipHealth(one: TrueRegistration): void {
    const isHealthy = this.#unhealthy.delete(one.registrationId);
    if (!isHealthy) this.#unhealthy.add(one.registrationId);
    this.#options.fleet.health(one, isHealthy);
  }

  #scale(one: TrueRegistration): void {
    const { truth, fleet, instances } = this.#options;
    const count = truth.liveOf(one.service).length;
    const grows =
      count <= instances - MARGIN || (count < instances + MARGIN && this.#random() < 0.5);
    if (!grows) {
      fleet.deregister(one);
      return;
    }
    const id = `more-${++this.#names}`;
    fleet.register(fleet.clientOf(one), [this.#next({ service: one.service, id })]);
  }

  /** Drained at any replica, then replaced. */
  async #drain(one: TrueRegistration): Promise<void> {
    const { truth, replicas, isSilent } = this.#options;
    const { service, id, registrationId } = one;
    const answering = replicas.filter((replica) => !isSilent(replica.id));
    const replica = answering[Math.floor(this.#random() * answering.length)];
    if (replica === undefined) return;
    this.#busy.add(registrationId);
    truth.touched(one);
    const lease = { service, registrationId, namespace: "default", instanceId: id };
    const deadline = { seconds: 0n, nanos: 0 };
    await answer<DrainResponse>((callback) =>
      replica.registry.drain({ lease, deadline }, callback),
    ).catch((error: { code?: number }) => {
      // Its successor was faster.
      if (error.code !== Status.ABORTED && error.code !== Status.NOT_FOUND) this.failedDrains++;
    });
    truth.touched(one);
    setTimeout(() => {
      if (truth.phaseOf(registrationId) === "live") this.#restart(one);
      this.#busy.delete(registrationId);
    }, DRAIN_MS);
  }

  #next({ service, id }: Pick<TrueRegistration, "service" | "id">): TrueRegistration {
    return {
      service,
      id,
      registrationId: `${keyOf({ service, id }).replace("/", ".")}.${++this.#names}`,
    };
  }
}
