import { type Digest, digestsEqual } from "../model/digest.ts";
import type { Endpoint, Removal } from "../model/endpoint.ts";
import { IdMap } from "../model/id-map.ts";
import type { ServiceDefaults } from "../model/instance.ts";
import type { InstanceId, RegistrationId, ServiceKey } from "../model/names.ts";
import { DigestHistory } from "./digest-history.ts";
import type { EndpointsUpdate, ServiceUpdate } from "./update.ts";

/**
 * How many changes a service remembers at least. An agent that was away for longer gets a
 * snapshot; a removal is remembered for as long as its change.
 */
const MIN_RING = 256;

/** Snapshots travel in chunks of at most this size, so that one slow stream blocks nobody. */
export const MAX_CHUNK_BYTES = 256 * 1024;

/** A process that an operator drained. */
export interface DrainedProcess {
  readonly instanceId: InstanceId;
  readonly registrationId: RegistrationId;
  /** The decision that drained it. */
  readonly operatorRevision: number;
}

interface Versioned<T> {
  readonly item: T;
  readonly version: number;
}

/**
 * What agents should know of one service, with enough history to tell each of them only
 * what changed since its cursor. Versions are the replica's one sequence.
 */
export class ServiceView {
  readonly key: ServiceKey;
  readonly namespace: string;
  readonly service: string;
  /** Of the newest change of endpoints; 0 when there never was one. */
  version = 0;
  /** Of the newest change of the service's record. */
  serviceVersion = 0;
  defaults: ServiceDefaults | undefined;
  /** True once anybody registered. */
  exists = false;
  readonly #endpoints = new IdMap<Endpoint>();
  readonly #removals = new Map<InstanceId, Versioned<Removal>>();
  /** The version that first told of each drain that holds: few at a time. */
  readonly #drains = new Map<InstanceId, number>();
  /** Who changed, oldest first, and in which version: side by side, because every instance is in it. */
  readonly #changedIds: InstanceId[] = [];
  readonly #changedAt: number[] = [];
  /** Deltas are possible from this version on. */
  #floor = 0;
  #otherSince:
    | { readonly id: InstanceId; readonly atVersion: number; readonly since: number | undefined }
    | undefined;
  /** The digest's sum: in a typed array it wraps by itself, and no sum but the last one is made. */
  readonly #hashSum = new BigUint64Array(1);
  /** Of versions before this one; absent until the second change. */
  #history: DigestHistory | undefined;

  constructor(key: ServiceKey, namespace: string, service: string, version: number) {
    this.key = key;
    this.namespace = namespace;
    this.service = service;
    this.#floor = version;
  }

  get size(): number {
    return this.#endpoints.size;
  }

  get digest(): Digest {
    return { count: this.#endpoints.size, sum: this.#hashSum[0] ?? 0n };
  }

  /**
   * The version from which on an agent knows somebody else who can take the requests of `id`;
   * `undefined` while there is nobody.
   */
  otherSince(id: InstanceId): number | undefined {
    const known = this.#otherSince;
    // Every acknowledgement asks, and most of them between two changes.
    if (known?.id === id && known.atVersion === this.version) return known.since;
    const since = this.#findOther(id);
    this.#otherSince = { id, atVersion: this.version, since };
    return since;
  }

  /**
   * The version that first told agents to send that process nothing more: it drains by that decision
   * of an operator or a later one, or it is gone. `undefined` while no version says so.
   */
  outSince({ instanceId, registrationId, operatorRevision }: DrainedProcess): number | undefined {
    const endpoint = this.#endpoints.get(instanceId);
    if (endpoint?.registrationId === registrationId) {
      const isHeard = endpoint.operatorRevision >= operatorRevision;
      return isHeard ? this.#drains.get(instanceId) : undefined;
    }
    const removal = this.#removals.get(instanceId);
    return removal?.item.registrationId === registrationId ? removal.version : undefined;
  }

  #findOther(id: InstanceId): number | undefined {
    const others = new Set<InstanceId>();
    for (const endpoint of this.#endpoints.values()) {
      const isUsable = endpoint.state === "healthy" || endpoint.state === "suspect";
      if (endpoint.id !== id && isUsable && endpoint.weight > 0) others.add(endpoint.id);
    }
    if (others.size === 0) return undefined;
    let version: number | undefined;
    for (let i = this.#changedIds.length - 1; i >= 0 && others.size > 0; i--) {
      const changed = this.#changedIds[i];
      if (changed !== undefined && others.delete(changed)) version = this.#changedAt[i];
    }
    // Whoever is left changed last before what is remembered.
    return others.size > 0 ? this.#floor : version;
  }

  /** @returns true when a drain began by it. */
  upsert(endpoint: Endpoint, version: number): boolean {
    this.#leaveFor(version);
    const former = this.#endpoints.set(endpoint);
    this.#addHash(endpoint.hash);
    if (former !== undefined) this.#addHash(-former.hash);
    if (this.#removals.size > 0) this.#removals.delete(endpoint.id);
    this.exists = true;
    this.#remember(endpoint.id, version);
    return this.#noteDrain(endpoint, former, version);
  }

  remove(removal: Removal, version: number): void {
    this.#leaveFor(version);
    const former = this.#endpoints.get(removal.id);
    if (this.#drains.size > 0) this.#drains.delete(removal.id);
    if (former !== undefined) {
      this.#addHash(-former.hash);
      this.#endpoints.delete(removal.id);
    }
    this.#removals.set(removal.id, { item: removal, version });
    this.#remember(removal.id, version);
  }

  setDefaults(defaults: ServiceDefaults | undefined, version: number): void {
    this.defaults = defaults;
    this.serviceVersion = version;
    this.exists = true;
  }

  /** Endpoints ordered by id, so that the same set gives the same bytes. */
  endpoints(): Endpoint[] {
    return this.#endpoints.values().sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  canDeltaFrom(version: number): boolean {
    return version >= this.#floor && version <= this.version;
  }

  /** The version that had this digest, now or before; `undefined` when none is remembered that a delta can start from. */
  versionOf(digest: Digest): number | undefined {
    if (digestsEqual(digest, this.digest)) return this.version;
    const version = this.#history?.versionOf(digest);
    return version !== undefined && this.canDeltaFrom(version) ? version : undefined;
  }

  /** Says `resumed` of a former version, from which a delta follows; `undefined` when it is no longer remembered. */
  former(version: number): EndpointsUpdate | undefined {
    const digest = version === this.version ? this.digest : this.#history?.digestAt(version);
    if (digest === undefined || !this.canDeltaFrom(version)) return undefined;
    return { ...this.#header("resumed", false), version, digest };
  }

  /** What happened after `fromVersion`; each id once. */
  delta(fromVersion: number, settled: boolean): EndpointsUpdate {
    const upserts: Endpoint[] = [];
    const removals: Removal[] = [];
    const seen = new Set<InstanceId>();
    for (let i = this.#changedIds.length - 1; i >= 0; i--) {
      const id = this.#changedIds[i];
      if (id === undefined || (this.#changedAt[i] ?? 0) <= fromVersion) break;
      if (seen.has(id)) continue;
      seen.add(id);
      const endpoint = this.#endpoints.get(id);
      const removal = this.#removals.get(id);
      if (endpoint !== undefined) upserts.push(endpoint);
      else if (removal !== undefined) removals.push(removal.item);
    }
    return { ...this.#header("delta", settled), fromVersion, upserts, removals };
  }

  /** The whole set in chunks; `absent` when it is empty. */
  snapshot(settled: boolean, sizeOf: (endpoint: Endpoint) => number): EndpointsUpdate[] {
    const all = this.endpoints();
    if (all.length === 0) return [this.#header("absent", settled)];
    const chunks: Endpoint[][] = [[]];
    let bytes = 0;
    for (const endpoint of all) {
      const size = sizeOf(endpoint) + 4;
      if (bytes + size > MAX_CHUNK_BYTES - 1024 && bytes > 0) {
        chunks.push([]);
        bytes = 0;
      }
      chunks.at(-1)?.push(endpoint);
      bytes += size;
    }
    return chunks.map((upserts, chunk) => ({
      ...this.#header("snapshot", settled),
      upserts,
      chunk,
      isLastChunk: chunk === chunks.length - 1,
    }));
  }

  /** An answer without content: `pending`, `resumed` or `absent`. */
  notice(kind: "pending" | "resumed" | "absent", settled: boolean): EndpointsUpdate {
    return this.#header(kind, settled);
  }

  record(settled: boolean): ServiceUpdate {
    const { namespace, service, defaults } = this;
    return { type: "service", namespace, service, version: this.serviceVersion, settled, defaults };
  }

  #header(kind: EndpointsUpdate["kind"], settled: boolean): EndpointsUpdate {
    return {
      type: "endpoints",
      kind,
      namespace: this.namespace,
      service: this.service,
      fromVersion: 0,
      version: this.version,
      chunk: 0,
      isLastChunk: true,
      settled,
      exists: this.exists,
      upserts: [],
      removals: [],
      digest: this.digest,
    };
  }

  #noteDrain(endpoint: Endpoint, former: Endpoint | undefined, version: number): boolean {
    const { id, state, registrationId, operatorRevision } = endpoint;
    if (state !== "draining") {
      if (this.#drains.size > 0) this.#drains.delete(id);
      return false;
    }
    const isKnown =
      former?.state === "draining" &&
      former.registrationId === registrationId &&
      former.operatorRevision === operatorRevision;
    // A higher revision says that it served in between, though this replica did not hear of that.
    if (!isKnown) this.#drains.set(id, version);
    return !isKnown;
  }

  /** A version is over once the next one begins. */
  #leaveFor(version: number): void {
    if (version === this.version || this.version === 0) return;
    this.#history ??= new DigestHistory();
    this.#history.add(this.version, this.digest);
  }

  #addHash(hash: bigint): void {
    this.#hashSum[0] = (this.#hashSum[0] ?? 0n) + hash;
  }

  #remember(id: InstanceId, version: number): void {
    this.version = version;
    this.#changedIds.push(id);
    this.#changedAt.push(version);
    const limit = Math.max(MIN_RING, 2 * this.#endpoints.size);
    // Trimmed in bulk: shifting a large array on every change would cost its length each time.
    if (this.#changedIds.length > 2 * limit) this.#trim(this.#changedIds.length - limit);
  }

  #trim(count: number): void {
    const versions = this.#changedAt.splice(0, count);
    for (const [i, id] of this.#changedIds.splice(0, count).entries()) {
      const version = versions[i] ?? 0;
      this.#floor = version;
      const removal = this.#removals.get(id);
      if (removal !== undefined && removal.version <= version) this.#removals.delete(id);
    }
  }
}
