import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { storageFailed } from "./storage-error.ts";

/**
 * Replaces a file whole: readers, and a machine that loses power, find the old content or the
 * new one. Calls for one path must not overlap.
 * @param write fills the new file; what it throws leaves the old one.
 * @throws MeshError STORAGE_FAILED
 */
export async function replaceFile(
  path: string,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    await writeSynced(temporary, write);
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw storageFailed("write", path, error);
  }
}

async function writeSynced(
  path: string,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await write(file);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes a new or renamed file's name durable, which the file's own fsync does not. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
