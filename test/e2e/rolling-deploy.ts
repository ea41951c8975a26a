import { setTimeout as delay } from "node:timers/promises";
import { DrainOutcome, type DrainResponse } from "../../src/gen/weir/v1/registry.ts";
import type { MeshTruth, TrueRegistration } from "../support/mesh-truth.ts";
import type { Replica } from "./cluster.ts";
import { answer } from "./control-plane.ts";
import type { Fleet } from "./fleet.ts";
import { SERVICE } from "./scale.ts";

/** Between two replacements. */
const PAUSE_MS = 1_000;

/** A drain call waits this long; the next one waits on. */
const DRAIN_SECONDS = 5n;

/** How often is looked whether a new process is registered. */
const LOOK_MS = 50;

export interface RollingDeployOptions {
  readonly truth: MeshTruth;
  readonly fleet: Fleet;
  readonly replicas: readonly Replica[];
  /** Replicas that answer nobody just now. */
  readonly isSilent: (replicaId: string) => boolean;
}

/**
 * Replaces the instances that get requests, one after another and for as long as the run goes on:
 * each ends only after a drain was answered SAFE, whatever breaks meanwhile.
 */
export class RollingDeploy {
  replaced = 0;
  /** Drains that were not SAFE in time, and calls that failed. */
  waits = 0;
  readonly #options: RollingDeployOptions;
  #isStopping = false;
  #running: Promise<void> = Promise.resolve();
  #number = 0;

  constructor(options: RollingDeployOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** The replacement under way is finished first, or given up with its drain. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const [old] = this.#options.truth.liveOf(SERVICE);
      if (old !== undefined) await this.#replace(old);
      await delay(PAUSE_MS);
    }
  }

  async #replace(old: TrueRegistration): Promise<void> {
    const { truth, fleet } = this.#options;
    const id = `${SERVICE}-new-${++this.#number}`;
    const registrationId = `${id}.0`;
    fleet.register(fleet.clientOf(old), [{ service: SERVICE, id, registrationId }]);
    while (truth.phaseOf(registrationId) !== "live" && !this.#isStopping) await delay(LOOK_MS);
    while (!this.#isStopping) {
      if (await this.#isSafe(old)) {
        fleet.deregister(old);
        this.replaced++;
        return;
      }
      this.waits++;
      await delay(LOOK_MS);
    }
  }

  async #isSafe({ service, id, registrationId }: TrueRegistration): Promise<boolean> {
    const { replicas, isSilent } = this.#options;
    const answering = replicas.filter((one) => !isSilent(one.id));
    const replica = answering[this.#number % answering.length];
    if (replica === undefined) return false;
    const lease = { service, registrationId, namespace: "default", instanceId: id };
    const deadline = { seconds: DRAIN_SECONDS, nanos: 0 };
    try {
      const { outcome } = await answer<DrainResponse>((callback) =>
        replica.registry.drain({ lease, deadline }, callback),
      );
      return outcome === DrainOutcome.DRAIN_OUTCOME_SAFE;
    } catch {
      return false;
    }
  }
}
