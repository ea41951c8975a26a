import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import type { JournalEntry } from "../../ports/registry-store.ts";
import { storageFailed } from "./storage-error.ts";

/**
 * A journal file: a line that says what it is, then one line for each entry.
 *
 *     weir-journal 1\n
 *     <CRC-32 of the JSON, 8 hex digits> <entry as JSON>\n
 *
 * Each line stands for itself: one that was torn by a crash or rotted costs no other.
 */
export const SEGMENT_HEAD = "weir-journal 1\n";

const CHECKSUM_DIGITS = 8;

export function entryLine(entry: JournalEntry): string {
  const json = JSON.stringify(entry);
  return `${checksum(json)} ${json}\n`;
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(CHECKSUM_DIGITS, "0");
}

export interface ReadSegment {
  readonly entries: JournalEntry[];
  /** What was lost, in words; `undefined` also for a last line that was never finished. */
  readonly problem: string | undefined;
}

/** @throws MeshError STORAGE_FAILED when the file cannot be read. */
export function readSegment(path: string): ReadSegment {
  const text = readText(path);
  if (!text.startsWith(SEGMENT_HEAD)) {
    const isTorn = SEGMENT_HEAD.startsWith(text);
    return { entries: [], problem: isTorn ? undefined : "it is no journal of this version" };
  }
  // What follows the last line end was being written when the process or the machine died,
  // so nobody was told that it happened.
  const lines = text.slice(SEGMENT_HEAD.length).split("\n").slice(0, -1);
  const entries = lines.map(parseLine).filter((entry) => entry !== undefined);
  const lost = lines.length - entries.length;
  return {
    entries,
    problem:
      lost === 0 ? undefined : `${lost} of ${lines.length} entries are damaged and were skipped`,
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw storageFailed("read", path, error);
  }
}

function parseLine(line: string): JournalEntry | undefined {
  const json = line.slice(CHECKSUM_DIGITS + 1);
  if (line.slice(0, CHECKSUM_DIGITS) !== checksum(json)) return undefined;
  // What carries the right checksum is what an earlier process wrote.
  return JSON.parse(json) as JournalEntry;
}
