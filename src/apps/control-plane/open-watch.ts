import type { InFlightReport, Nonce, ResourceAck } from "../../core/discovery/update.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import { type ServiceKey, serviceKey } from "../../core/model/names.ts";
import type { Clock } from "../../ports/clock.ts";
import type { SubscriptionRequest, WatchSession } from "../../ports/watch-service.ts";
import type { AckTimes } from "./ack-times.ts";
import type { DiscoveryHub } from "./discovery-hub.ts";
import type { HeldRequests } from "./read-after.ts";
import type { Watcher } from "./watcher.ts";

/** One agent needs its own services, not everybody's: for those it says `all`. */
const MAX_SUBSCRIPTIONS = 10_000;

/** What all open streams share: each of ten thousand should own little. */
export interface Surroundings {
  readonly hub: DiscoveryHub;
  readonly clock: Clock;
  readonly progressed: (key: ServiceKey) => void;
  readonly ackTimes: AckTimes;
  readonly closed: (watcher: Watcher, isGoodbye: boolean) => void;
}

/** One open Watch stream, as the gRPC handler drives it. */
export class OpenWatch implements WatchSession {
  readonly #watcher: Watcher;
  readonly #held: HeldRequests;
  readonly #around: Surroundings;
  #heldCount = 0;
  #isClosed = false;

  constructor(watcher: Watcher, held: HeldRequests, around: Surroundings) {
    this.#watcher = watcher;
    this.#held = held;
    this.#around = around;
  }

  subscribe(requests: readonly SubscriptionRequest[]): void {
    const known = this.#watcher.subscriptions.size + this.#heldCount;
    if (known + requests.length > MAX_SUBSCRIPTIONS) {
      throw new MeshError(
        "LIMIT_REACHED",
        `a stream may subscribe to ${MAX_SUBSCRIPTIONS} services; subscribe to all instead`,
        {
          quota: {
            subject: "subscriptions",
            description: `${MAX_SUBSCRIPTIONS} services a stream`,
          },
        },
      );
    }
    if (this.#held.isHolding) this.#heldCount += requests.length;
    const task = (): void => {
      this.#heldCount = 0;
      for (const { namespace, service, resume } of requests) {
        this.#around.hub.subscribe(this.#watcher, serviceKey(namespace, service), resume);
      }
    };
    this.#held.run(task, () => requests.map(keyOf));
  }

  subscribeAll(): void {
    this.#held.run(
      () => this.#around.hub.subscribeAll(this.#watcher),
      () => "all",
    );
  }

  unsubscribe(requests: readonly SubscriptionRequest[]): void {
    this.#held.run(() => {
      for (const { namespace, service } of requests) {
        const key = serviceKey(namespace, service);
        this.#around.hub.unsubscribe(this.#watcher, key);
        this.#around.progressed(key);
      }
    });
  }

  acknowledge(acks: readonly ResourceAck[]): void {
    const nowMs = this.#around.clock.nowMs();
    const { unackedCount, progressAtMs } = this.#watcher;
    if (unackedCount > 0) this.#around.ackTimes.record(nowMs - progressAtMs);
    for (const ack of acks) {
      const key = keyOf(ack.nonce);
      const subscription = this.#watcher.subscriptions.get(key);
      if (subscription === undefined) continue;
      subscription.acked(ack, nowMs);
      this.#around.progressed(key);
    }
    if (this.#watcher.dirtyCount > 0) this.#around.hub.pump(this.#watcher);
  }

  reportInFlight(reports: readonly InFlightReport[]): void {
    for (const report of reports) {
      this.#watcher.reported(report);
      this.#around.progressed(serviceKey(report.namespace, report.service));
    }
  }

  writable(): void {
    this.#watcher.isWritable = true;
    this.#around.hub.pump(this.#watcher);
  }

  closed(isGoodbye: boolean): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#around.closed(this.#watcher, isGoodbye);
    this.#held.drop();
  }
}

function keyOf({ namespace, service }: Pick<Nonce, "namespace" | "service">): ServiceKey {
  return serviceKey(namespace, service);
}
