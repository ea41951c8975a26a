import { accessSync, constants, readdirSync, readFileSync, statfsSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import type { ServerCertificates } from "../ports/certificates.ts";
import type {
  FinishedCallCount,
  ListenerState,
  ProcessState,
  ServerHost,
  StateDirectoryState,
} from "../ports/server-host.ts";

/** Ten looks a second: an operator cares for lags that a person would notice. */
const LAG_RESOLUTION_MS = 100;

/** A lag is told for this long at least, and twice as long at most. */
const LAG_WINDOW_MS = 10_000;

const NO_DIRECTORY: StateDirectoryState = { path: "", freeBytes: 0, totalBytes: 0, problem: "" };

/** What a server's ports know, and its operators ask. */
export interface PortFacts {
  readonly finishedCalls?: () => readonly FinishedCallCount[];
  readonly certificates?: ServerCertificates | undefined;
}

/** This process and its machine, until `stop`. */
export class NodeServerHost implements ServerHost {
  readonly #stateDir: string | undefined;
  readonly #lag = new LagMeter();
  readonly #listeners: ListenerState[] = [];
  readonly #ports: PortFacts;

  constructor(stateDir: string | undefined, ports: PortFacts = {}) {
    this.#stateDir = stateDir;
    this.#ports = ports;
  }

  listens(listener: ListenerState): void {
    this.#listeners.push(listener);
  }

  listeners(): readonly ListenerState[] {
    return this.#listeners;
  }

  stateDirectory(): StateDirectoryState {
    return this.#stateDir === undefined ? NO_DIRECTORY : directoryState(this.#stateDir);
  }

  process(): ProcessState {
    const heap = getHeapStatistics();
    return {
      eventLoopLagMs: this.#lag.maxMs(),
      heapUsedBytes: heap.used_heap_size,
      heapLimitBytes: heap.heap_size_limit,
      openFiles: countOpenFiles(),
      openFilesLimit: openFilesLimit(),
    };
  }

  finishedCalls(): readonly FinishedCallCount[] {
    return this.#ports.finishedCalls?.() ?? [];
  }

  certificateExpiresAtMs(): number | undefined {
    return this.#ports.certificates?.current().expiresAtMs;
  }

  stop(): void {
    this.#lag.stop();
  }
}

/** The longest lag of this window and the one before: a single number that forgets. */
class LagMeter {
  readonly #histogram = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  readonly #timer: NodeJS.Timeout;
  #formerMs = 0;

  constructor() {
    this.#histogram.enable();
    this.#timer = setInterval(() => {
      this.#formerMs = this.#currentMs();
      this.#histogram.reset();
    }, LAG_WINDOW_MS);
    this.#timer.unref();
  }

  maxMs(): number {
    return Math.max(this.#formerMs, this.#currentMs());
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#histogram.disable();
  }

  /** The histogram counts from tick to tick: what is beyond a tick is lag. */
  #currentMs(): number {
    if (this.#histogram.count === 0) return 0;
    return Math.max(0, this.#histogram.max / 1e6 - LAG_RESOLUTION_MS);
  }
}

function directoryState(path: string): StateDirectoryState {
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    const { bavail, blocks, bsize } = statfsSync(path);
    return { path, freeBytes: bavail * bsize, totalBytes: blocks * bsize, problem: "" };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { path, freeBytes: 0, totalBytes: 0, problem };
  }
}

/** @returns 0 where there is no /proc. */
function countOpenFiles(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return 0;
  }
}

/** The soft limit of this process. @returns 0 when unknown or without limit. */
export function openFilesLimit(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? 0);
  } catch {
    return 0;
  }
}
