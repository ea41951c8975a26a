import type { DataPlane } from "../../data-plane/data-plane.ts";
import type { KeptStatus, KeptView } from "../../data-plane/kept-instance.ts";
import type { LocalInstance } from "../../data-plane/local-instance.ts";
import type { DrainReport } from "../../ports/control-plane-api.ts";

/** How long a close waits for agents and requests to let go of an instance. */
const DRAIN_BUDGET_MS = 10_000;

/** One instance that this program registered and keeps. */
export class Registration {
  readonly local: LocalInstance;
  /** `registered`, `away` while no control plane is there, or final: `superseded`, `evicted`. */
  status: KeptStatus = "away";
  /** In words: why it is not registered. */
  detail = "";
  readonly #plane: DataPlane;
  readonly #remove: (budgetMs: number) => Promise<DrainReport | undefined>;
  #closed: Promise<DrainReport | undefined> | undefined;

  constructor(
    local: LocalInstance,
    plane: DataPlane,
    remove: (budgetMs: number) => Promise<DrainReport | undefined>,
  ) {
    this.local = local;
    this.#plane = plane;
    this.#remove = remove;
  }

  /** Unique within its service. */
  get id(): string {
    return this.local.instance.id;
  }

  /** Agents stop picking an unhealthy instance, and go on when it is healthy again. */
  setHealthy(isHealthy: boolean, detail = ""): void {
    this.#plane.setHealth(this.local.key, isHealthy ? "healthy" : "unhealthy", detail);
  }

  /**
   * Drains, then deregisters: when it resolves nobody sends this instance a request any more, or
   * the time was over. The program's server should listen until then.
   * @returns how the drain ended; `undefined` when no control plane could be asked.
   */
  close(drainTimeoutMs = DRAIN_BUDGET_MS): Promise<DrainReport | undefined> {
    this.#closed ??= this.#remove(drainTimeoutMs);
    return this.#closed;
  }

  changed({ status, detail }: KeptView): void {
    this.status = status;
    this.detail = detail;
  }
}
