import type { ServiceKey } from "../../src/core/model/names.ts";
import type { AttachServerEnd } from "./attach-link.ts";

/** What is true of one process of an instance, whatever anybody believes. */
export interface LedgerEntry {
  readonly registrationId: string;
  readonly key: ServiceKey;
  readonly instanceId: string;
  /** Its client asked to take it out. */
  isLeaving: boolean;
  /** A replica answered that it is out: then it must never come back. */
  isOut: boolean;
  /** An operator asked to evict it. */
  isEvicted: boolean;
  /** The session that keeps it, as the replica sees it. */
  session: AttachServerEnd | undefined;
}

/** What really happened: the checkers compare what replicas and agents believe with it. */
export class Ledger {
  readonly #entries = new Map<string, LedgerEntry>();
  readonly #byInstance = new Map<string, string[]>();

  started(registrationId: string, key: ServiceKey, instanceId: string): LedgerEntry {
    const entry: LedgerEntry = {
      registrationId,
      key,
      instanceId,
      isLeaving: false,
      isOut: false,
      isEvicted: false,
      session: undefined,
    };
    this.#entries.set(registrationId, entry);
    const name = `${key}/${instanceId}`;
    const siblings = this.#byInstance.get(name);
    if (siblings === undefined) this.#byInstance.set(name, [registrationId]);
    else siblings.push(registrationId);
    return entry;
  }

  find(registrationId: string): LedgerEntry | undefined {
    return this.#entries.get(registrationId);
  }

  /** True when another process claimed the same id. */
  hasRival({ key, instanceId }: LedgerEntry): boolean {
    return (this.#byInstance.get(`${key}/${instanceId}`)?.length ?? 0) > 1;
  }

  /** Nobody remembers who was taken out: without a disk and without peers, who left may come back. */
  forgetOut(): void {
    for (const entry of this.#entries.values()) entry.isOut = false;
  }

  /** Every process that was answered to be out. */
  *out(): Iterable<LedgerEntry> {
    for (const entry of this.#entries.values()) if (entry.isOut) yield entry;
  }
}
