import type { Fence } from "../registry/fences.ts";
import { isFencedBy, type Origin, type ReceivedEntry, type RecordEntry } from "./entry.ts";
import type { OriginSet } from "./origin-set.ts";

/** What changed in the copy of an origin's set, at once. */
export interface OriginChange {
  readonly origin: Origin;
  /** Came, or is different now. */
  readonly upserts: readonly RecordEntry[];
  /**
   * Left. The fence says why; without one the reason is unknown, because the message was lost and
   * the origin had forgotten it when it was asked: the origin holds it no longer, that is certain.
   */
  readonly removals: readonly { readonly entry: RecordEntry; readonly fence: Fence | undefined }[];
  /** All fences that arrived, those of `removals` included: keep them against others' copies. */
  readonly fences: readonly Fence[];
  /**
   * Only with a new epoch: what the former epoch held and the new one does not. Nobody said that they
   * ended: they stay served until a client claims them or evidence against them is found.
   */
  readonly orphans: readonly RecordEntry[];
  /** The epoch that was replaced; `undefined` when the epoch is the same, or is the first one. */
  readonly formerEpoch: number | undefined;
}

/** Gathers a change. */
export class ChangeBuilder {
  readonly #upserts = new Map<string, RecordEntry>();
  readonly #removals: { readonly entry: RecordEntry; readonly fence: Fence | undefined }[] = [];
  readonly #fences: Fence[] = [];

  /** Applies one entry to the set. */
  apply(set: OriginSet, entry: ReceivedEntry): void {
    const former = set.apply(entry);
    if (entry.kind === "record") {
      this.#upserts.set(entry.key, entry);
    } else if (entry.kind === "removal") {
      this.#fences.push(entry.fence);
      if (former !== undefined) this.#left(former, entry.fence);
    }
  }

  /** What `next` holds otherwise than `former`, for a set of the same epoch. */
  replace(former: Iterable<RecordEntry>, next: OriginSet, fences: readonly Fence[]): void {
    const byKey = new Map<string, RecordEntry>();
    const reasons = new FenceIndex(fences);
    this.#fences.push(...fences);
    for (const entry of former) {
      byKey.set(entry.key, entry);
      if (next.get(entry.key) === undefined) this.#left(entry, reasons.of(entry));
    }
    for (const entry of next.entries()) {
      const before = byKey.get(entry.key);
      if (before === undefined || !isSame(before, entry)) this.#upserts.set(entry.key, entry);
    }
  }

  /** What a new epoch's set holds otherwise than the former epoch's. @returns the orphans */
  succeed(former: OriginSet, next: OriginSet, fences: readonly Fence[]): RecordEntry[] {
    const orphans: RecordEntry[] = [];
    const reasons = new FenceIndex(fences);
    this.#fences.push(...fences);
    for (const entry of former.entries()) {
      if (next.get(entry.key) !== undefined) continue;
      const fence = reasons.of(entry);
      if (fence === undefined) orphans.push(entry);
      else this.#left(entry, fence);
    }
    for (const entry of next.entries()) {
      const before = former.get(entry.key);
      if (before === undefined || !isSame(before, entry)) this.#upserts.set(entry.key, entry);
    }
    return orphans;
  }

  /** @returns `undefined` when nothing changed */
  build(origin: Origin): OriginChange | undefined {
    const { size } = this.#upserts;
    if (size + this.#removals.length + this.#fences.length === 0) return undefined;
    return this.buildAlways(origin, [], undefined);
  }

  /** A new epoch is worth telling also when nothing differs. */
  buildAlways(
    origin: Origin,
    orphans: readonly RecordEntry[],
    formerEpoch: number | undefined,
  ): OriginChange {
    return {
      origin,
      upserts: [...this.#upserts.values()],
      removals: this.#removals,
      fences: this.#fences,
      orphans,
      formerEpoch,
    };
  }

  #left(entry: RecordEntry, fence: Fence | undefined): void {
    this.#removals.push({ entry, fence });
    this.#upserts.delete(entry.key);
  }
}

function isSame(a: RecordEntry, b: RecordEntry): boolean {
  return a.hashHigh === b.hashHigh && a.hashLow === b.hashLow;
}

class FenceIndex {
  readonly #byRegistration = new Map<string, Fence[]>();

  constructor(fences: readonly Fence[]) {
    for (const fence of fences) {
      const key = `${fence.serviceKey}/${fence.instanceId}`;
      const list = this.#byRegistration.get(key);
      if (list === undefined) this.#byRegistration.set(key, [fence]);
      else list.push(fence);
    }
  }

  of({ key, record }: RecordEntry): Fence | undefined {
    return this.#byRegistration.get(key)?.find((fence) => isFencedBy(record, fence));
  }
}
