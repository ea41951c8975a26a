import { statSync } from "node:fs";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";

/** How soon a replaced file is noticed. A look costs microseconds, and events of symbolic links get lost. */
export const LOOK_EVERY_MS = 1_000;

/**
 * A broken state that lasts this many looks is a mistake; a shorter one is somebody who writes two
 * files one after the other.
 */
const LOOKS_BEFORE_WARNING = 2;

export interface ReloadingFilesOptions<T> {
  readonly paths: readonly string[];
  /** @throws MeshError when what the files hold cannot be used. */
  readonly read: () => T;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * What some files hold, read again when they change, for as long as that is good: a broken
 * replacement is reported once, and what was good stays in use. Looks at what paths lead to, so a
 * symbolic link that is swapped counts as a change.
 */
export class ReloadingFiles<T> {
  readonly #options: ReloadingFilesOptions<T>;
  readonly #listeners = new Set<() => void>();
  #value: T;
  #seen: string;
  /** The state of the files that could not be used; `""` when the last one could. */
  #broken = "";
  #brokenLooks = 0;
  #cancel: () => void = () => undefined;

  /** @throws MeshError when the files cannot be used at the start. */
  constructor(options: ReloadingFilesOptions<T>) {
    this.#options = options;
    this.#seen = fingerprint(options.paths);
    this.#value = options.read();
  }

  /** The last good state. */
  get value(): T {
    return this.#value;
  }

  /** Looks every second until `stop`. */
  watch(eachLook: () => void = () => undefined): void {
    this.#cancel = this.#options.clock.after(LOOK_EVERY_MS, () => {
      this.look();
      eachLook();
      this.watch(eachLook);
    });
  }

  stop(): void {
    this.#cancel();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads the files again if they changed; what is wrong with them goes to the log. */
  look(): void {
    const now = fingerprint(this.#options.paths);
    if (now === this.#seen && this.#broken === "") return;
    try {
      this.#readAgain(now);
    } catch (error) {
      this.#stayWithLastGood(now, error);
    }
  }

  /** Reads the files again. @throws MeshError when they cannot be used; the last good state stays. */
  reload(): void {
    this.#readAgain(fingerprint(this.#options.paths));
  }

  #readAgain(now: string): void {
    const value = this.#options.read();
    // Somebody wrote while we read: the next look reads a state that holds together.
    const isTorn = fingerprint(this.#options.paths) !== now;
    if (isTorn) this.#broken = now;
    if (isTorn) return;
    this.#seen = now;
    this.#broken = "";
    this.#brokenLooks = 0;
    this.#value = value;
    this.#options.log.info({ files: this.#options.paths }, "replaced files are in use");
    for (const listener of this.#listeners) listener();
  }

  #stayWithLastGood(now: string, error: unknown): void {
    this.#brokenLooks = this.#broken === now ? this.#brokenLooks + 1 : 1;
    this.#broken = now;
    this.#seen = now;
    if (this.#brokenLooks !== LOOKS_BEFORE_WARNING) return;
    const problem = error instanceof Error ? error.message : String(error);
    const { log, paths } = this.#options;
    log.error({ files: paths, problem }, "replaced files cannot be used; the last good ones stay");
  }
}

/** Differs when a path leads to another file, or to one that was written. */
function fingerprint(paths: readonly string[]): string {
  return paths.map(stateOf).join(" ");
}

function stateOf(path: string): string {
  try {
    const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return `${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch {
    // Reading it says why.
    return "unreadable";
  }
}
