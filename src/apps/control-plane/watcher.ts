import type { ServiceView } from "../../core/discovery/service-view.ts";
import { Subscription, WatcherState } from "../../core/discovery/subscription.ts";
import type { WatchHello, WatchSink } from "../../ports/watch-service.ts";
import { SubscriptionTable } from "./subscription-table.ts";

/** A subscription that is sent on a stream. */
export type StreamSubscription = Subscription<Watcher>;

/** One Watch stream: cursors, and which of them lag. */
export class Watcher extends WatcherState {
  readonly hello: WatchHello;
  readonly sink: WatchSink;
  readonly openedAtMs: number;
  /** Its agent has seen more than this replica has heard: what it is told here is not settled. */
  isBehind = false;
  readonly subscriptions = new SubscriptionTable<StreamSubscription>();
  #dirty: Set<StreamSubscription> | undefined;

  constructor(hello: WatchHello, sink: WatchSink, nowMs: number) {
    super(hello.agentId, hello.isDataPlane, nowMs);
    this.hello = hello;
    this.sink = sink;
    this.openedAtMs = nowMs;
  }

  get dirtyCount(): number {
    return this.#dirty?.size ?? 0;
  }

  add(view: ServiceView): StreamSubscription {
    const subscription = new Subscription<Watcher>(this, view);
    this.subscriptions.add(subscription);
    return subscription;
  }

  remove(subscription: StreamSubscription, nowMs: number): void {
    subscription.release(nowMs);
    this.clean(subscription);
    this.subscriptions.delete(subscription);
  }

  /** True while something is to be sent. */
  isDirty(subscription: StreamSubscription): boolean {
    return this.#dirty?.has(subscription) ?? false;
  }

  markDirty(subscription: StreamSubscription): void {
    this.#dirty ??= new Set();
    this.#dirty.add(subscription);
  }

  clean(subscription: StreamSubscription): void {
    this.#dirty?.delete(subscription);
    // Most watchers are even most of the time: they should not own an empty Set.
    if (this.#dirty?.size === 0) this.#dirty = undefined;
  }

  /** The lagging subscription to serve next: deltas (which carry drains and removals) before snapshots. */
  nextDirty(): StreamSubscription | undefined {
    let first: StreamSubscription | undefined;
    for (const subscription of this.#dirty ?? []) {
      const isDelta = subscription.chunks === undefined && subscription.sentVersion >= 0;
      if (isDelta) return subscription;
      first ??= subscription;
    }
    return first;
  }
}
