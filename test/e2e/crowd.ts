import { fileURLToPath } from "node:url";
import type { WatcherCheck } from "../support/watcher-check.ts";
import type { CrowdReport, CrowdStart } from "./crowd-protocol.ts";
import type { Stage } from "./stage.ts";

const WORKER = fileURLToPath(new URL("crowd-worker.ts", import.meta.url));

/** One busy process of watchers would measure itself. */
const WATCHERS_A_PROCESS = 100;

/** Many watchers in few processes; all that they see goes to a check. */
export class Crowd {
  readonly #replicaOf = new Map<string, string>();
  #moves = 0;

  readonly #stage: Stage;
  readonly #check: WatcherCheck;
  #processes = 0;

  constructor(stage: Stage, check: WatcherCheck) {
    this.#stage = stage;
    this.#check = check;
  }

  /** More of them. @param within see `Stage.script`. */
  add(watchers: CrowdStart["watchers"], within: readonly string[] = []): void {
    const check = this.#check;
    for (const { id, services } of watchers) check.watches(id, services);
    for (let first = 0; first < watchers.length; first += WATCHERS_A_PROCESS) {
      const name = `crowd-${++this.#processes}`;
      const { child } = this.#stage.script(name, WORKER, [], within);
      child.on("message", (message) => {
        const { events, moves } = message as CrowdReport;
        for (const { watcher, changes, by } of events) check.saw(watcher, changes, by);
        for (const { watcher, replicaId } of moves) this.#moved(watcher, replicaId);
      });
      const start: CrowdStart = {
        type: "start",
        watchers: watchers.slice(first, first + WATCHERS_A_PROCESS),
      };
      child.send(start);
    }
  }

  /** How often a watcher was connected, also for the first time. */
  get moves(): number {
    return this.#moves;
  }

  /** How many are connected to each replica; `""` for those without. */
  spread(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const replicaId of this.#replicaOf.values()) {
      counts[replicaId] = (counts[replicaId] ?? 0) + 1;
    }
    return counts;
  }

  #moved(watcher: string, replicaId: string): void {
    this.#replicaOf.set(watcher, replicaId);
    if (replicaId !== "") this.#moves++;
  }
}
