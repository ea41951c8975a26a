import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync } from "node:fs";
import { replaceFile } from "./atomic-file.ts";
import { errorCode, storageFailed } from "./storage-error.ts";

/**
 * A file that knows whether it is whole. One line of text, so that `head -1` tells what it
 * is, then the body:
 *
 *     weir-snapshot 1 <SHA-256 of the body, 64 hex digits> <bytes of the body, 16 digits>\n
 */
export interface FileFormat {
  /** For example `weir-snapshot`. */
  readonly magic: string;
  /** Grows when an older program could not read the body. */
  readonly version: number;
}

export type ChecksummedContent =
  | { readonly kind: "ok"; readonly body: Buffer }
  | { readonly kind: "missing" }
  | { readonly kind: "corrupt"; readonly reason: string };

/** Set-aside files that are kept: some to look at, not enough to fill a disk in a crash loop. */
const MAX_SET_ASIDE = 5;

/**
 * Replaces the file atomically. Between two chunks others get a turn.
 * @throws MeshError STORAGE_FAILED; the old file is kept then.
 */
export function writeChecksummed(
  path: string,
  format: FileFormat,
  chunks: Iterable<Uint8Array>,
): Promise<void> {
  return replaceFile(path, async (file) => {
    const hash = createHash("sha256");
    // The same length as the final line: it is written over this one.
    const placeholder = headLine(format, "0".repeat(64), 0);
    await file.writeFile(placeholder);
    let bodyBytes = 0;
    for (const chunk of chunks) {
      hash.update(chunk);
      bodyBytes += chunk.length;
      await file.writeFile(chunk);
    }
    await file.write(headLine(format, hash.digest("hex"), bodyBytes), 0);
  });
}

function headLine({ magic, version }: FileFormat, sha256: string, bodyBytes: number): string {
  return `${magic} ${version} ${sha256} ${String(bodyBytes).padStart(16, "0")}\n`;
}

/** @throws MeshError STORAGE_FAILED when the file exists and cannot be read. */
export function readChecksummed(path: string, format: FileFormat): ChecksummedContent {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return { kind: "missing" };
    throw storageFailed("read", path, error);
  }
  const lineEnd = bytes.indexOf(0x0a);
  const [magic, version, sha256, length] = bytes.toString("latin1", 0, lineEnd).split(" ");
  if (magic !== format.magic) return corrupt(`it is no ${format.magic} file`);
  if (version !== String(format.version)) {
    return corrupt(`its version is ${version}, this program reads ${format.version}`);
  }
  const body = bytes.subarray(lineEnd + 1);
  if (body.length !== Number(length)) {
    return corrupt(`${body.length} bytes of ${Number(length)} are there`);
  }
  const actual = createHash("sha256").update(body).digest("hex");
  return actual === sha256 ? { kind: "ok", body } : corrupt("its checksum is wrong");
}

function corrupt(reason: string): ChecksummedContent {
  return { kind: "corrupt", reason };
}

/**
 * Renames a file that cannot be used, so that it is never read again but can be looked at.
 * @returns its new name.
 * @throws MeshError STORAGE_FAILED
 */
export function setAside(path: string): string {
  let number = 1;
  while (number < MAX_SET_ASIDE && existsSync(`${path}.corrupt-${number}`)) number++;
  const aside = `${path}.corrupt-${number}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    throw storageFailed("set aside", path, error);
  }
  return aside;
}
