import { ServiceView } from "../../core/discovery/service-view.ts";
import type { Sent } from "../../core/discovery/subscription.ts";
import type { ResumeToken } from "../../core/discovery/update.ts";
import { digestsEqual } from "../../core/model/digest.ts";
import type { RemovalReason } from "../../core/model/endpoint.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import { type ServiceKey, splitServiceKey } from "../../core/model/names.ts";
import type { PolicyOverrides } from "../../core/policies/service-policy.ts";
import type { InstanceRecord, RegisteredService } from "../../core/registry/record.ts";
import type { Clock } from "../../ports/clock.ts";
import type { UpdateEncoder } from "../../ports/update-encoder.ts";
import { endpointsUpdate, sendNext, write } from "./catch-up.ts";
import { Coalescer } from "./coalescer.ts";
import { SharedView } from "./shared-view.ts";
import type { StreamSubscription, Watcher } from "./watcher.ts";

/** A watcher that acknowledges nothing for this long is cut: its memory is better spent on others. */
const MAX_SILENT_ACK_MS = 30_000;

/** So many watchers are told in one go before others get a turn. */
const SLICE = 200;

/**
 * Turns the registry's changes into versions and brings every watcher from its cursor to
 * now. Nothing is queued per watcher: who cannot take an update gets one merged delta later.
 */
export class DiscoveryHub {
  readonly epoch: number;
  readonly views = new Map<ServiceKey, SharedView>();
  readonly watchers = new Set<Watcher>();
  version = 0;
  isSettled = false;
  /** How many watchers were cut because they acknowledged nothing. */
  slowCount = 0;
  #isComplete = true;
  readonly #clock: Clock;
  readonly #encoder: UpdateEncoder;
  readonly #staged = new Set<SharedView>();
  readonly #stagedRecords = new Set<SharedView>();
  /** What operators said, also of services that nobody registered yet. */
  readonly #overrides = new Map<ServiceKey, PolicyOverrides>();
  readonly #all = new Set<Watcher>();
  readonly #coalescer: Coalescer;
  #isUrgent = false;

  constructor(clock: Clock, encoder: UpdateEncoder, epoch: number) {
    this.#clock = clock;
    this.#encoder = encoder;
    this.epoch = epoch;
    this.#coalescer = new Coalescer(clock, () => this.#flush());
  }

  upserted(record: InstanceRecord): void {
    const shared = this.viewOf(record.service.key);
    shared.stage(record.endpoint);
    this.#staged.add(shared);
    if (record.isDraining) this.#isUrgent = true;
  }

  removed(record: InstanceRecord, reason: RemovalReason): void {
    const shared = this.viewOf(record.service.key);
    const { id, registrationId } = record.instance;
    shared.stage({ id, registrationId, reason });
    this.#staged.add(shared);
    this.#isUrgent = true;
  }

  serviceChanged(service: RegisteredService): void {
    const shared = this.viewOf(service.key);
    shared.say(service.defaults);
    this.#stagedRecords.add(shared);
  }

  /** An operator's policy outranks what instances say; `undefined` takes it back. `publish` tells watchers. */
  overrule(key: ServiceKey, overrides: PolicyOverrides | undefined): void {
    if (overrides === undefined) this.#overrides.delete(key);
    else this.#overrides.set(key, overrides);
    const shared = this.views.get(key);
    if (shared === undefined) return;
    shared.overrule(overrides);
    // Nobody registered it yet: a policy alone makes no service.
    if (shared.view.exists) this.#stagedRecords.add(shared);
  }

  /** Tells watchers what was staged: at once, or with what else comes within 2 ms at most. Removals never wait. */
  publish(): void {
    if (this.#staged.size === 0 && this.#stagedRecords.size === 0) return;
    this.#coalescer.changed(this.#isUrgent);
  }

  /** Tells what was staged now: what this replica has heard is in its answers from here on. */
  commit(): void {
    if (this.#staged.size > 0 || this.#stagedRecords.size > 0) this.#coalescer.changed(true);
  }

  /** Everything is known now: what was merged can be obeyed. */
  settle(): void {
    this.commit();
    this.isSettled = true;
    if (this.#isComplete) this.#inSlices([...this.watchers], (watcher) => this.#settleFor(watcher));
  }

  /** False while this replica is cut off from others: what it does not list may be there all the same. */
  setComplete(isComplete: boolean): void {
    if (isComplete === this.#isComplete) return;
    this.#isComplete = isComplete;
    if (isComplete && this.isSettled) this.settle();
  }

  /** This replica has heard by now what that watcher's agent had seen elsewhere. */
  caughtUp(watcher: Watcher): void {
    watcher.isBehind = false;
    this.commit();
    if (this.#isSettledFor(watcher) && this.watchers.has(watcher)) this.#settleFor(watcher);
  }

  /** The view of a service that may not exist yet. */
  viewOf(key: ServiceKey): SharedView {
    const known = this.views.get(key);
    if (known !== undefined) return known;
    const { namespace, service } = splitServiceKey(key);
    const view = new ServiceView(key, namespace, service, this.version);
    const shared = new SharedView(view, this.#encoder);
    shared.overrule(this.#overrides.get(key));
    this.views.set(key, shared);
    for (const watcher of this.#all) shared.subscribers.add(watcher.add(view));
    return shared;
  }

  subscribe(watcher: Watcher, key: ServiceKey, resume: ResumeToken | undefined): void {
    this.#subscribe(watcher, this.viewOf(key), resume);
  }

  subscribeAll(watcher: Watcher): void {
    this.#all.add(watcher);
    for (const shared of this.views.values()) {
      // A service that was named before keeps its cursor, and so its resume token.
      if (!watcher.subscriptions.has(shared.view.key)) this.#subscribe(watcher, shared, undefined);
    }
  }

  unsubscribe(watcher: Watcher, key: ServiceKey): void {
    const subscription = watcher.subscriptions.get(key);
    if (subscription !== undefined) this.#drop(watcher, subscription);
  }

  leave(watcher: Watcher): void {
    this.#all.delete(watcher);
    this.watchers.delete(watcher);
    for (const subscription of [...watcher.subscriptions.values()]) {
      this.#drop(watcher, subscription);
    }
  }

  /** Sends what the watcher may have: drains and removals, then deltas, then snapshots. */
  pump(watcher: Watcher): void {
    while (watcher.mayReceive) {
      const subscription = watcher.nextDirty();
      if (subscription === undefined) return;
      const shared = this.viewOf(subscription.view.key);
      const isSettled = this.#isSettledFor(watcher);
      const step = { subscription, shared, isSettled, nowMs: this.#clock.nowMs() };
      if (!sendNext(step)) watcher.clean(subscription);
    }
  }

  /** Cuts watchers that acknowledge nothing. */
  cutSilent(nowMs: number): void {
    for (const watcher of this.watchers) {
      const { unackedCount, progressAtMs } = watcher;
      if (unackedCount === 0 || nowMs - progressAtMs < MAX_SILENT_ACK_MS) continue;
      this.slowCount++;
      watcher.sink.end(
        new MeshError(
          "SLOW_WATCHER",
          `agent ${watcher.hello.agentId} acknowledged none of ${unackedCount} updates for ${MAX_SILENT_ACK_MS / 1_000} s; acknowledge updates, or watch as an observer`,
          { retryAfterMs: 1_000 },
        ),
      );
    }
  }

  #isSettledFor({ isBehind }: Watcher): boolean {
    return this.isSettled && this.#isComplete && !isBehind;
  }

  #settleFor(watcher: Watcher): void {
    for (const subscription of watcher.subscriptions.values()) {
      if (subscription.told !== "settled") watcher.markDirty(subscription);
    }
    this.pump(watcher);
  }

  /** @returns whether anybody watches what changed */
  #flush(): boolean {
    let isWatched = false;
    this.#isUrgent = false;
    const version = ++this.version;
    for (const shared of this.#stagedRecords) {
      shared.commitRecord(version);
      if (!this.#staged.has(shared)) this.#fanOut(shared, shared.view.version);
      isWatched ||= shared.subscribers.size > 0;
    }
    this.#stagedRecords.clear();
    for (const shared of this.#staged) {
      const before = shared.view.version;
      shared.commit(version);
      if (shared.subscribers.size === 0) continue;
      this.#fanOut(shared, before);
      isWatched = true;
    }
    this.#staged.clear();
    return isWatched;
  }

  /** The common case costs one write: the watcher is even, and the bytes are shared. */
  #fanOut(shared: SharedView, before: number): void {
    const { view } = shared;
    const nowMs = this.#clock.nowMs();
    const canDelta = view.version > before && view.canDeltaFrom(before);
    let update: Sent | undefined;
    for (const subscription of shared.subscribers) {
      const { watcher } = subscription;
      const isSettled = this.#isSettledFor(watcher);
      const isEven =
        canDelta &&
        subscription.sentVersion === before &&
        subscription.serviceSentVersion === view.serviceVersion &&
        subscription.told === (isSettled ? "settled" : "unsettled") &&
        !watcher.isDirty(subscription);
      if (isEven && watcher.mayReceive) {
        const frame = shared.deltaFrame(before, isSettled);
        update ??= endpointsUpdate(view.version, 0, frame);
        subscription.sentVersion = view.version;
        write(subscription, frame, update, nowMs);
      } else {
        watcher.markDirty(subscription);
        this.pump(watcher);
      }
    }
  }

  #subscribe(watcher: Watcher, shared: SharedView, resume: ResumeToken | undefined): void {
    const { view } = shared;
    const known = watcher.subscriptions.get(view.key);
    if (known !== undefined) this.#drop(watcher, known);
    const subscription = watcher.add(view);
    shared.subscribers.add(subscription);
    if (resume !== undefined && view.exists) this.#resume(subscription, resume);
    watcher.markDirty(subscription);
    this.pump(watcher);
  }

  #resume(subscription: StreamSubscription, resume: ResumeToken): void {
    const { view } = subscription;
    const isOurs = resume.epoch === this.epoch && view.canDeltaFrom(resume.version);
    if (digestsEqual(resume.digest, view.digest)) subscription.sentVersion = view.version;
    else if (isOurs && resume.version < view.version) subscription.sentVersion = resume.version;
    else if (!isOurs) this.#resumeFromElsewhere(subscription, resume);
  }

  /** Replicas are told the same changes: what another one had told is mostly what this one had a moment ago. */
  #resumeFromElsewhere(subscription: StreamSubscription, { digest }: ResumeToken): void {
    const version = subscription.view.versionOf(digest);
    if (version === undefined) return;
    subscription.sentVersion = version;
    subscription.told = "elsewhere";
  }

  #drop(watcher: Watcher, subscription: StreamSubscription): void {
    const { view } = subscription;
    const shared = this.views.get(view.key);
    watcher.remove(subscription, this.#clock.nowMs());
    shared?.subscribers.delete(subscription);
    if (shared === undefined || shared.subscribers.size > 0) return;
    shared.forgetSnapshot();
    if (!view.exists && !this.#staged.has(shared)) this.views.delete(view.key);
  }

  #inSlices(watchers: readonly Watcher[], task: (watcher: Watcher) => void): void {
    for (const watcher of watchers.slice(0, SLICE)) if (this.watchers.has(watcher)) task(watcher);
    const rest = watchers.slice(SLICE);
    if (rest.length > 0) this.#clock.after(0, () => this.#inSlices(rest, task));
  }
}
