import { readFileSync } from "node:fs";
import { MeshError } from "../../core/model/mesh-error.ts";

/** No certificate bundle and no list of tokens is larger; a device file would never end. */
const MAX_BYTES = 1024 * 1024;

/** What people can do about an error of the file system, by its code. */
const FIXES: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file; check the path",
  ENOTDIR: "a part of the path is a file; check the path",
  EISDIR: "it is a directory; name the file in it",
  EACCES: "permission denied; let this process's user read it",
  EPERM: "not permitted; let this process's user read it",
};

/** `cannot use FILE: why and what to do`. */
export function fileUnusable(path: string, why: string, cause?: unknown): MeshError {
  const info = { path };
  return new MeshError("INVALID_ARGUMENT", `cannot use ${path}: ${why}`, { cause, info });
}

/** The whole text of a file. @throws MeshError INVALID_ARGUMENT that says which file and what to do. */
export function readSecretFile(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw fileUnusable(path, FIXES[code] ?? String(error), error);
  }
  if (text.trim() === "") throw fileUnusable(path, "it is empty");
  if (text.length > MAX_BYTES) throw fileUnusable(path, "it is larger than 1 MiB");
  return text;
}
