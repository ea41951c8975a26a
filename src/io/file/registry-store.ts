import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type {
  JournalEntry,
  LoadedState,
  RegistryStore,
  SnapshotHeader,
  SnapshotRecord,
} from "../../ports/registry-store.ts";
import { type FileFormat, readChecksummed, setAside, writeChecksummed } from "./checksummed.ts";
import { lockFolder } from "./folder-lock.ts";
import { Journal } from "./journal.ts";
import { type DecodedSnapshot, decodeSnapshot, encodeSnapshot } from "./registry-records.ts";
import { storageFailed } from "./storage-error.ts";

const SNAPSHOT: FileFormat = { magic: "weir-snapshot", version: 1 };

/**
 * Keeps a replica's state in a directory of its own: `snapshot`, `journal-N.log` and `lock`.
 * Creates the directory when it is missing, readable for this user only.
 * @throws MeshError STORAGE_FAILED when it cannot be made, or another process uses it.
 */
export function openRegistryStore(stateDir: string): RegistryStore {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw storageFailed("create", stateDir, error);
  }
  const unlock = lockFolder(stateDir);
  try {
    return new FileRegistryStore(stateDir, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

class FileRegistryStore implements RegistryStore {
  readonly #path: string;
  readonly #journal: Journal;
  readonly #unlock: () => void;
  /** Snapshots one after the other; never rejects. */
  #writing: Promise<void> = Promise.resolve();

  constructor(stateDir: string, unlock: () => void) {
    this.#path = join(stateDir, "snapshot");
    this.#journal = new Journal(stateDir);
    this.#unlock = unlock;
  }

  load(): LoadedState {
    const snapshot = this.#loadSnapshot();
    const { entries, problems } = this.#journal.read();
    return {
      header: snapshot.content?.header,
      records: snapshot.content?.records ?? [],
      journal: entries,
      problems: [...snapshot.problems, ...problems],
    };
  }

  #loadSnapshot(): { content?: DecodedSnapshot; problems: string[] } {
    const file = readChecksummed(this.#path, SNAPSHOT);
    if (file.kind === "missing") return { problems: [] };
    if (file.kind === "corrupt") return { problems: [this.#setAside(file.reason)] };
    try {
      return { content: decodeSnapshot(file.body), problems: [] };
    } catch (error) {
      return { problems: [this.#setAside(error instanceof Error ? error.message : String(error))] };
    }
  }

  #setAside(reason: string): string {
    return `${this.#path} cannot be used: ${reason}; it was set aside as ${setAside(this.#path)}`;
  }

  appendJournal(entry: JournalEntry): Promise<void> {
    return this.#journal.append(entry);
  }

  writeSnapshot(records: Iterable<SnapshotRecord>, header: SnapshotHeader): Promise<void> {
    const written = this.#writing.then(() => this.#write(records, header));
    this.#writing = written.catch(() => undefined);
    return written;
  }

  /** What an entry of the old segments decided is part of `records`, which are read after it. */
  async #write(records: Iterable<SnapshotRecord>, header: SnapshotHeader): Promise<void> {
    const last = await this.#journal.startSegment();
    await writeChecksummed(this.#path, SNAPSHOT, encodeSnapshot(records, header));
    this.#journal.dropThrough(last);
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#journal.close();
    this.#unlock();
  }
}
