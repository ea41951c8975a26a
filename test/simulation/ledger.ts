import type { ServiceKey } from "../../src/core/model/names.ts";
import type { AttachServerEnd } from "./attach-link.ts";
import type { ReplicaDisk } from "./disks.ts";

/** What is true of one process of an instance, whatever anybody believes. */
export interface LedgerEntry {
  readonly registrationId: string;
  readonly key: ServiceKey;
  readonly instanceId: string;
  /** Something listens there. */
  readonly isRunning: () => boolean;
  /** Its client asked to take it out. */
  isLeaving: boolean;
  /** An operator asked to evict it. */
  isEvicted: boolean;
  /** A replica answered that it is out: then it must never come back, while anybody remembers that. */
  isOut: boolean;
  /** When an operator last took a drain of it back. */
  undrainedAtMs: number;
  /** The replicas that know its end. */
  readonly rememberedBy: Set<string>;
  /** The sessions that kept it last, by replica. */
  readonly sessions: Map<string, AttachServerEnd>;
  /** The highest generation that a replica that owned it let expire. */
  expiredGeneration: number;
}

/** What really happened: the checkers compare what replicas and agents believe with it. */
export class Ledger {
  readonly #entries = new Map<string, LedgerEntry>();
  readonly #byInstance = new Map<string, string[]>();

  started(of: Pick<LedgerEntry, "registrationId" | "key" | "instanceId" | "isRunning">): void {
    const { registrationId, key, instanceId } = of;
    const entry: LedgerEntry = {
      ...of,
      isLeaving: false,
      isEvicted: false,
      isOut: false,
      undrainedAtMs: Number.NEGATIVE_INFINITY,
      rememberedBy: new Set(),
      sessions: new Map(),
      expiredGeneration: -1,
    };
    this.#entries.set(registrationId, entry);
    const name = `${key}/${instanceId}`;
    const siblings = this.#byInstance.get(name);
    if (siblings === undefined) this.#byInstance.set(name, [registrationId]);
    else siblings.push(registrationId);
  }

  find(registrationId: string): LedgerEntry | undefined {
    return this.#entries.get(registrationId);
  }

  /** True when another process claimed the same id. */
  hasRival({ key, instanceId }: LedgerEntry): boolean {
    return (this.#byInstance.get(`${key}/${instanceId}`)?.length ?? 0) > 1;
  }

  /** That replica said, and wrote down, that it is out. */
  answeredOut(registrationId: string, replica: string): void {
    const entry = this.#entries.get(registrationId);
    if (entry === undefined) return;
    entry.isOut = true;
    entry.rememberedBy.add(replica);
  }

  /** That replica has seen its end, whoever said so. */
  ended(registrationId: string, replica: string): void {
    this.#entries.get(registrationId)?.rememberedBy.add(replica);
  }

  /** A replica forgets what is not on its disk; what nobody remembers may come back. */
  died(replica: string, { header, journal }: ReplicaDisk): void {
    const fences = [...(header?.fences ?? [])];
    for (const entry of journal) if ("fence" in entry) fences.push(entry.fence);
    const ends = fences.filter(({ kind }) => kind === "registration");
    const written = new Set<string>(ends.map(({ registrationId }) => registrationId));
    for (const entry of this.#entries.values()) {
      if (written.has(entry.registrationId)) continue;
      entry.rememberedBy.delete(replica);
      if (entry.rememberedBy.size === 0) entry.isOut = false;
    }
  }

  /** Every process that was answered to be out. */
  *out(): Iterable<LedgerEntry> {
    for (const entry of this.#entries.values()) if (entry.isOut) yield entry;
  }
}
