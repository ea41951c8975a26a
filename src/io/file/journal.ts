import { readdirSync, rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { JournalEntry } from "../../ports/registry-store.ts";
import { syncFolder } from "./atomic-file.ts";
import { setAside } from "./checksummed.ts";
import { entryLine, readSegment, SEGMENT_HEAD } from "./journal-segment.ts";
import { storageFailed } from "./storage-error.ts";

const SEGMENT_NAME = /^journal-(\d{8})\.log$/;

/** Seconds of the worst churn on a disk that stalls; more must be refused, not piled up. */
const MAX_WAITING = 10_000;

interface Waiting {
  readonly line: string;
  readonly resolve: () => void;
  readonly reject: (error: MeshError) => void;
}

/**
 * Decisions on disk, in numbered segments. What is appended while the disk is busy is written
 * and synced together. A new segment starts with each snapshot, and after each failure: what
 * a failed write left behind is never continued.
 */
export class Journal {
  readonly #folder: string;
  #number: number;
  #file: FileHandle | undefined;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #isClosed = false;

  constructor(folder: string) {
    this.#folder = folder;
    this.#number = Math.max(0, ...segmentNumbers(folder));
  }

  /** All entries that earlier processes left, in order. */
  read(): { entries: JournalEntry[]; problems: string[] } {
    const entries: JournalEntry[] = [];
    const problems: string[] = [];
    for (const number of segmentNumbers(this.#folder)) {
      const path = this.#path(number);
      const segment = readSegment(path);
      for (const entry of segment.entries) entries.push(entry);
      if (segment.problem === undefined) continue;
      // One that another version wrote must outlive the next snapshot, which deletes segments.
      const aside = segment.entries.length === 0 ? `; it was set aside as ${setAside(path)}` : "";
      problems.push(`${path}: ${segment.problem}${aside}`);
    }
    return { entries, problems };
  }

  append(entry: JournalEntry): Promise<void> {
    if (this.#isClosed) return Promise.reject(closed(this.#folder));
    if (this.#waiting.length >= MAX_WAITING) return Promise.reject(tooSlow(this.#folder));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line: entryLine(entry), resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  /**
   * Ends the current segment.
   * @returns the number of the last segment that a snapshot taken from now on contains.
   */
  async startSegment(): Promise<number> {
    await this.#flushing;
    await this.#endSegment();
    return this.#number;
  }

  /** Forgets the segments up to `number`: a snapshot contains them. */
  dropThrough(number: number): void {
    for (const other of segmentNumbers(this.#folder)) {
      if (other > number) continue;
      const path = this.#path(other);
      try {
        rmSync(path, { force: true });
      } catch (error) {
        throw storageFailed("delete", path, error);
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#flushing;
    await this.#endSegment();
  }

  /** Never rejects: each failure belongs to the entries that it hit. */
  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        this.#file ??= await this.#openSegment();
        await this.#file.writeFile(batch.map(({ line }) => line).join(""));
        await this.#file.datasync();
        for (const { resolve } of batch) resolve();
      } catch (error) {
        const failure = storageFailed("write", this.#path(this.#number), error);
        await this.#endSegment();
        for (const { reject } of batch) reject(failure);
      }
    }
    this.#flushing = undefined;
  }

  async #openSegment(): Promise<FileHandle> {
    this.#number++;
    const file = await open(this.#path(this.#number), "a", 0o600);
    try {
      await file.writeFile(SEGMENT_HEAD);
      await syncFolder(this.#folder);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** What was acknowledged is synced: an error of close loses nothing. */
  async #endSegment(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => undefined);
  }

  #path(number: number): string {
    return join(this.#folder, `journal-${String(number).padStart(8, "0")}.log`);
  }
}

function segmentNumbers(folder: string): number[] {
  try {
    const numbers = readdirSync(folder).map((name) => Number(SEGMENT_NAME.exec(name)?.[1]));
    return numbers.filter((number) => !Number.isNaN(number)).sort((a, b) => a - b);
  } catch (error) {
    throw storageFailed("list", folder, error);
  }
}

function closed(folder: string): MeshError {
  return new MeshError(
    "STORAGE_FAILED",
    `the journal in ${folder} is closed; the server is stopping`,
  );
}

function tooSlow(folder: string): MeshError {
  const message = `the disk of ${folder} is too slow: ${MAX_WAITING} journal entries wait for it`;
  return new MeshError("STORAGE_FAILED", `${message}; try again`, { retryAfterMs: 1_000 });
}
