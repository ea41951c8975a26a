import type { ServiceView } from "../../core/discovery/service-view.ts";
import type { Endpoint, Removal } from "../../core/model/endpoint.ts";
import type { ServiceDefaults } from "../../core/model/instance.ts";
import { outranked, type PolicyOverrides } from "../../core/policies/service-policy.ts";
import type { UpdateEncoder } from "../../ports/update-encoder.ts";
import type { StreamSubscription } from "./watcher.ts";

/** Watchers are rarely at more than a few different versions; older ones get a snapshot's worth of work. */
const MAX_CACHED_DELTAS = 16;

/** Whoever comes from another replica after a storm holds one of its last few versions. */
const MAX_CACHED_FORMERS = 16;

type NoticeKind = "pending" | "resumed" | "absent";

/**
 * A service's view with the bytes that its watchers share: an update is encoded once,
 * lazily, and only when somebody watches.
 */
export class SharedView {
  readonly view: ServiceView;
  readonly subscribers = new Set<StreamSubscription>();
  readonly #encoder: UpdateEncoder;
  #pending: (Endpoint | Removal)[] = [];
  #deltas = new Map<number, Uint8Array>();
  readonly #notices = new Map<NoticeKind, Uint8Array>();
  readonly #formers = new Map<number, Uint8Array>();
  #snapshot: readonly Uint8Array[] | undefined;
  #record: Uint8Array | undefined;
  #isSettled = false;
  /** What instances say of the service, and what an operator said, which outranks it. */
  #said: ServiceDefaults | undefined;
  #overrides: PolicyOverrides | undefined;

  constructor(view: ServiceView, encoder: UpdateEncoder) {
    this.view = view;
    this.#encoder = encoder;
  }

  stage(change: Endpoint | Removal): void {
    this.#pending.push(change);
  }

  /** Makes what was staged visible as one version; of several changes of an id the last one wins. */
  commit(version: number): void {
    for (const change of this.#pending) {
      if ("reason" in change) this.view.remove(change, version);
      else if (this.view.upsert(change, version)) this.#forgetInFlight(change);
    }
    this.#pending = [];
    // The first registration of a service that has a policy already, and says nothing itself.
    if (this.#overrides !== undefined && this.view.serviceVersion === 0) this.commitRecord(version);
    this.#forget();
  }

  /** What agents reported during an earlier drain says nothing about this one. */
  #forgetInFlight({ registrationId }: Endpoint): void {
    for (const { watcher } of this.subscribers) watcher.forgetInFlight(registrationId);
  }

  /** What instances say of the service from the next `commitRecord` on. */
  say(defaults: ServiceDefaults | undefined): void {
    this.#said = defaults;
  }

  /** What an operator says of it from the next `commitRecord` on; `undefined` for nothing. */
  overrule(overrides: PolicyOverrides | undefined): void {
    this.#overrides = overrides;
  }

  commitRecord(version: number): void {
    this.view.setDefaults(outranked(this.#said, this.#overrides), version);
    this.#record = undefined;
  }

  deltaFrame(fromVersion: number, settled: boolean): Uint8Array {
    this.#useSettled(settled);
    const known = this.#deltas.get(fromVersion);
    if (known !== undefined) return known;
    const frame = this.#encoder.encode(this.view.delta(fromVersion, settled));
    if (this.#deltas.size >= MAX_CACHED_DELTAS) this.#deltas.clear();
    this.#deltas.set(fromVersion, frame);
    return frame;
  }

  snapshotFrames(settled: boolean): readonly Uint8Array[] {
    this.#useSettled(settled);
    this.#snapshot ??= this.view
      .snapshot(settled, (endpoint) => this.#encoder.sizeOf(endpoint))
      .map((update) => this.#encoder.encode(update));
    return this.#snapshot;
  }

  recordFrame(settled: boolean): Uint8Array {
    this.#useSettled(settled);
    this.#record ??= this.#encoder.encode(this.view.record(settled));
    return this.#record;
  }

  /** After a reconnect storm thousands of watchers get the same `resumed`. */
  noticeFrame(kind: NoticeKind, settled: boolean): Uint8Array {
    this.#useSettled(settled);
    const known = this.#notices.get(kind);
    if (known !== undefined) return known;
    const frame = this.#encoder.encode(this.view.notice(kind, settled));
    this.#notices.set(kind, frame);
    return frame;
  }

  /** The agent holds what we had at that version; `undefined` when we do not remember it. */
  formerFrame(version: number): Uint8Array | undefined {
    const known = this.#formers.get(version);
    if (known !== undefined) return known;
    const update = this.view.former(version);
    if (update === undefined) return undefined;
    if (this.#formers.size >= MAX_CACHED_FORMERS) this.#formers.clear();
    const frame = this.#encoder.encode(update);
    this.#formers.set(version, frame);
    return frame;
  }

  /** A snapshot is kept only while somebody may still be waiting for it. */
  forgetSnapshot(): void {
    this.#snapshot = undefined;
  }

  #useSettled(settled: boolean): void {
    if (settled === this.#isSettled) return;
    this.#isSettled = settled;
    this.#record = undefined;
    this.#forget();
  }

  #forget(): void {
    this.#snapshot = undefined;
    // Clearing an empty map costs a new table, and most services have no watcher at all.
    if (this.#notices.size > 0) this.#notices.clear();
    if (this.#formers.size > 0) this.#formers.clear();
    if (this.#deltas.size > 0) this.#deltas = new Map();
  }
}
