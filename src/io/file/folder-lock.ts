import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MeshError } from "../../core/model/mesh-error.ts";
import { errorCode, storageFailed } from "./storage-error.ts";

/** Who holds a folder, as its lock file says in JSON. */
interface Holder {
  readonly pid: number;
  /** When that process started, in the kernel's words; `""` where the kernel does not tell. */
  readonly started: string;
  /** Tells this process from another one with the same pid: in a container each is number 1. */
  readonly token: string;
}

/** Each attempt takes one stale lock away; more than this means that something else writes here. */
const MAX_ATTEMPTS = 3;

const TOKEN = randomUUID();

/**
 * Takes a folder for this process, also from a process that died without giving it back.
 * Processes on other machines, or in other containers, are not seen: such folders must not be shared.
 * @returns gives the folder back.
 * @throws MeshError STORAGE_FAILED when another live process holds it.
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, "lock");
  const me: Holder = { pid: process.pid, started: startOf(process.pid), token: TOKEN };
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    if (create(path, JSON.stringify(me))) return () => release(path);
    const holder = readHolder(path);
    if (holder !== undefined && isAlive(holder)) throw inUse(folder, path, holder.pid);
    takeAway(path, holder);
  }
  throw inUse(folder, path, readHolder(path)?.pid ?? 0);
}

function create(path: string, content: string): boolean {
  try {
    writeFileSync(path, content, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw storageFailed("lock", path, error);
  }
}

/** A lock without a readable holder was torn by a crash: nobody holds it. */
function readHolder(path: string): Holder | undefined {
  try {
    const { pid, started, token } = JSON.parse(readFileSync(path, "utf8"));
    return Number.isSafeInteger(pid) && pid > 0 ? { pid, started, token } : undefined;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, started, token }: Holder): boolean {
  if (pid === process.pid) return token === TOKEN;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (errorCode(error) === "ESRCH") return false;
  }
  const now = startOf(pid);
  return now === "" || started === "" || now === started;
}

/** Field 22 of `/proc/PID/stat`; the name before it may hold spaces and parentheses. Source: proc(5). */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

/** Somebody else may have done so first and hold the folder now: that lock is put back. */
function takeAway(path: string, judged: Holder | undefined): void {
  const aside = `${path}.${TOKEN}`;
  try {
    renameSync(path, aside);
    if (readHolder(aside)?.token !== judged?.token) linkSync(aside, path);
  } catch (error) {
    if (!["ENOENT", "EEXIST"].includes(errorCode(error))) throw storageFailed("lock", path, error);
  } finally {
    rmSync(aside, { force: true });
  }
}

function release(path: string): void {
  if (readHolder(path)?.token === TOKEN) rmSync(path, { force: true });
}

function inUse(folder: string, path: string, pid: number): MeshError {
  const fix = `stop it, give this one another directory, or delete ${path} if that process is not Weir`;
  const message = `${folder} is in use by process ${pid}; ${fix}`;
  return new MeshError("STORAGE_FAILED", message, { info: { path, pid: String(pid) } });
}
