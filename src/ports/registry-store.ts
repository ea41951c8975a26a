import type { Instance, ServiceDefaults } from "../core/model/instance.ts";
import type { InstanceId, RegistrationId, ServiceKey } from "../core/model/names.ts";
import type { Fence } from "../core/registry/fences.ts";

/** An instance as a snapshot keeps it: the client's part and the operator's. */
export interface SnapshotRecord {
  readonly instance: Instance;
  readonly defaults?: ServiceDefaults;
  readonly firstRegisteredHlc: number;
  readonly operatorRevision: number;
  readonly isDraining: boolean;
  /** How often replicas took it over; 0 when left out. */
  readonly adoption?: number;
  /** It was taken over, and no client had claimed it. */
  readonly isUnowned?: true;
}

/** What a snapshot says of the replica that wrote it. */
export interface SnapshotHeader {
  readonly epoch: number;
  readonly replicaId: string;
  readonly hlc: number;
  /** Milliseconds since 1970. */
  readonly savedAtWallMs: number;
  readonly fences: readonly Fence[];
}

/** A decision that was answered, and that a restart must not undo. Applying one twice changes nothing. */
export type JournalEntry =
  | { readonly kind: "deregister" | "evict" | "supersede"; readonly fence: Fence }
  | {
      readonly kind: "drain" | "undrain";
      readonly serviceKey: ServiceKey;
      readonly instanceId: InstanceId;
      readonly registrationId: RegistrationId;
      readonly operatorRevision: number;
    };

/** What a replica finds when it starts: the snapshot, and what was decided since. */
export interface LoadedState {
  /** `undefined` when there is no usable snapshot. */
  readonly header: SnapshotHeader | undefined;
  readonly records: readonly SnapshotRecord[];
  /** In the order in which they were written; some may be older than the snapshot. */
  readonly journal: readonly JournalEntry[];
  /** What could not be used and why, a sentence each, for the log and `degraded`. */
  readonly problems: readonly string[];
}

/** Where a replica keeps what must outlive its process. */
export interface RegistryStore {
  /** Called once, before anything is written. @throws MeshError STORAGE_FAILED when nothing can be read at all. */
  load(): LoadedState;
  /**
   * Resolves when the entry is on the disk.
   * @throws MeshError STORAGE_FAILED when that is not certain: the decision must not be answered.
   */
  appendJournal(entry: JournalEntry): Promise<void>;
  /**
   * Replaces the snapshot; journal entries that were appended after this call began stay.
   * `records` is read a slice at a time, so it may live on: a record that changes meanwhile
   * is kept with one of its contents.
   * @throws MeshError STORAGE_FAILED; the old snapshot and the journal are kept then.
   */
  writeSnapshot(records: Iterable<SnapshotRecord>, header: SnapshotHeader): Promise<void>;
  /** Waits for what is being written and gives the state directory to the next process. */
  close(): Promise<void>;
}
