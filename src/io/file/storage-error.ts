import { MeshError } from "../../core/model/mesh-error.ts";

/** What people can do about an error of the file system, by its code. */
const FIXES: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full; free some space",
  EDQUOT: "the disk quota is used up; free some space",
  EACCES: "permission denied; give this user the right to write there, or name another directory",
  EPERM: "not permitted; give this user the right to write there, or name another directory",
  EROFS: "the file system is read-only; name a directory that can be written",
  ENOTDIR: "a part of the path is a file; name another directory",
  ENOENT: "a directory of the path is gone; restart to create it again",
  EMFILE: "too many files are open; raise the limit (ulimit -n)",
};

/** A failed step on a file as the operator reads it: `cannot write /a/b: the disk is full; free some space`. */
export function storageFailed(action: string, path: string, cause: unknown): MeshError {
  const code = errorCode(cause);
  const reason = FIXES[code] ?? (cause instanceof Error ? cause.message : String(cause));
  return new MeshError("STORAGE_FAILED", `cannot ${action} ${path}: ${reason}`, {
    cause,
    info: { path, ...(code === "" ? {} : { errno: code }) },
  });
}

/** `ENOENT` and the like; `""` for other errors. */
export function errorCode(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : "";
  return typeof code === "string" ? code : "";
}
