import { MeshError } from "../../core/model/mesh-error.ts";
import type { DataPlane } from "../../data-plane/data-plane.ts";
import type { KeptView } from "../../data-plane/kept-instance.ts";
import type { LocalInstance } from "../../data-plane/local-instance.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ControlPlaneApi, DrainReport } from "../../ports/control-plane-api.ts";
import { Registration } from "./registration.ts";
import { abortable } from "./waiting.ts";

/** Between the control plane's watchdog of 5 s and what a deployment waits for a process to start. */
const REGISTER_TIMEOUT_MS = 10_000;

/** A drain asks in steps, so that it can stop asking when only its being the last one holds it up. */
const DRAIN_STEP_MS = 1_000;

/** Nothing more becomes of these. */
const FINAL: ReadonlySet<KeptView["status"]> = new Set(["refused", "superseded", "evicted"]);

export interface RegistrationsWorld {
  readonly clock: Clock;
  /** @param address of the control plane that the mesh is connected to. */
  readonly openApi: (address: string) => ControlPlaneApi;
}

/** The instances that this program registered. */
export class Registrations {
  readonly #plane: DataPlane;
  readonly #world: RegistrationsWorld;
  readonly #open = new Map<string, Registration>();
  /** Who waits for a first answer, and how to stop it. */
  readonly #waiting = new Map<string, { hear(view: KeptView): void; cancel(): void }>();

  constructor(plane: DataPlane, world: RegistrationsWorld) {
    this.#plane = plane;
    this.#world = world;
  }

  /** @throws MeshError ALREADY_REGISTERED, SUPERSEDED, TIMEOUT, or what the server found wrong. */
  async add(local: LocalInstance, signal: AbortSignal | undefined): Promise<Registration> {
    signal?.throwIfAborted();
    const { key } = local;
    if (this.#open.has(key)) throw alreadyRegistered(key);
    const registration: Registration = new Registration(local, this.#plane, (budgetMs) =>
      this.#remove(registration, budgetMs),
    );
    this.#open.set(key, registration);
    try {
      await abortable(this.#registered(local), signal);
      return registration;
    } catch (error) {
      await this.#forget(key);
      throw error;
    } finally {
      this.#stopWaiting(key);
    }
  }

  /** Told by the data plane of every change. */
  changed(view: KeptView): void {
    this.#open.get(view.key)?.changed(view);
    this.#waiting.get(view.key)?.hear(view);
  }

  /** Drains and deregisters everything, together. @param budgetMs for the drains. */
  async close(budgetMs: number): Promise<void> {
    await Promise.all([...this.#open.values()].map((registration) => registration.close(budgetMs)));
  }

  #registered(local: LocalInstance): Promise<void> {
    const { key } = local;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const cancel = this.#world.clock.after(REGISTER_TIMEOUT_MS, () => {
      reject(registerTimeout(key, this.#plane.connection.problem));
    });
    this.#waiting.set(key, {
      cancel,
      hear(view) {
        if (view.status === "registered") resolve();
        else if (FINAL.has(view.status)) reject(refusal(view));
      },
    });
    this.#plane.add(local);
    return promise;
  }

  async #remove(
    { local, status }: Registration,
    budgetMs: number,
  ): Promise<DrainReport | undefined> {
    const isOurs = status === "registered" || status === "sent";
    const report = isOurs ? await this.#drain(local, budgetMs) : undefined;
    await this.#forget(local.key);
    return report;
  }

  /** Its timer must not outlive the answer, or the mesh. */
  #stopWaiting(key: string): void {
    this.#waiting.get(key)?.cancel();
    this.#waiting.delete(key);
  }

  async #forget(key: string): Promise<void> {
    this.#open.delete(key);
    await this.#plane.remove(key);
  }

  /** Asks until nobody needs the instance; `undefined` when no control plane can be asked. */
  async #drain(local: LocalInstance, budgetMs: number): Promise<DrainReport | undefined> {
    const { isConnected, address } = this.#plane.connection;
    const view = this.#plane.instances().find(({ key }) => key === local.key);
    if (!isConnected || view === undefined || budgetMs <= 0) return undefined;
    const { namespace, service, id: instanceId } = local.instance;
    const lease = { namespace, service, instanceId, registrationId: view.registrationId };
    const api = this.#world.openApi(address);
    const deadlineMs = this.#world.clock.nowMs() + budgetMs;
    try {
      for (;;) {
        const leftMs = deadlineMs - this.#world.clock.nowMs();
        const report = await api.drain(lease, Math.max(1, Math.min(leftMs, DRAIN_STEP_MS)));
        if (report.outcome === "safe" || leftMs <= DRAIN_STEP_MS || isLast(report)) return report;
      }
    } catch {
      // A control plane that went away cannot drain; the lease ends what is left.
      return undefined;
    } finally {
      api.close();
    }
  }
}

/** These pass by themselves, but an instance that nobody can replace is not drained by waiting for them. */
const IDLE_REASONS: ReadonlySet<string> = new Set(["last-endpoint", "not-settled"]);

/** Waiting longer helps nobody: no other instance will take the requests, and none is under way. */
function isLast({ pending }: DrainReport): boolean {
  const isAlone = pending.some(({ reason }) => reason === "last-endpoint");
  return isAlone && pending.every(({ reason }) => IDLE_REASONS.has(reason));
}

function alreadyRegistered(key: string): MeshError {
  return new MeshError(
    "ALREADY_REGISTERED",
    `this process keeps ${key} registered already: close that registration first, or give this one another id`,
  );
}

function registerTimeout(key: string, problem: string): MeshError {
  const why = problem === "" ? "no answer" : problem;
  return new MeshError(
    "TIMEOUT",
    `${key} was not registered within ${REGISTER_TIMEOUT_MS / 1000} s (${why}): check that a control plane is reachable`,
  );
}

const CODES: Readonly<Record<string, MeshError["code"]>> = {
  SUPERSEDED: "SUPERSEDED",
  EVICTED: "SUPERSEDED",
  PERMISSION_DENIED: "PERMISSION_DENIED",
  UNAUTHENTICATED: "UNAUTHENTICATED",
};

function refusal({ reason, detail, key }: KeptView): MeshError {
  return new MeshError(CODES[reason] ?? "INVALID_ARGUMENT", `${key} is not registered: ${detail}`);
}
