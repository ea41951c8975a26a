import { type ControlPlane, startControlPlane } from "../../src/apps/control-plane/start.ts";
import { LOST_AGENT_MS } from "../../src/core/discovery/drain-barrier.ts";
import type { ServiceKey } from "../../src/core/model/names.ts";
import { ClusterSubjects } from "../../src/core/replication/subjects.ts";
import { memoryPolicyStore } from "../../src/io/local-policy-store.ts";
import { ReplicationWire } from "../../src/io/wire/replication.ts";
import { updateEncoder } from "../../src/io/wire/update-encoder.ts";
import { quietHost, quietLog } from "../support/control-plane.ts";
import { AttachServerEnd } from "./attach-link.ts";
import { ReplicaDisk, storeOn } from "./disks.ts";
import { RegistryCheck } from "./registry-check.ts";
import { SimBus } from "./sim-bus.ts";
import { simProber } from "./sim-prober.ts";
import { SimProcess } from "./sim-process.ts";
import type { SimWorld } from "./sim-world.ts";
import { WatchServerEnd } from "./watch-link.ts";

/** Makes chunks of two endpoints, so that small services travel in several. */
const ENDPOINT_BYTES = 100_000;

const CLUSTER = "simulated";

/** A replica of the control plane: what ships, with a disk that outlives its processes. */
export class SimReplica {
  readonly name: string;
  readonly disk = new ReplicaDisk();
  /** Of its machine's wall clock. */
  wallStepMs = 0;
  /** Between a graceful stop and the next start. */
  restartAfterMs = 0;
  process: SimProcess;
  plane: ControlPlane | undefined;
  readonly #world: SimWorld;
  /** Open streams, and since when. */
  #watchers = new Map<WatchServerEnd, number>();
  /** Streams that ended without a goodbye, and when this replica noticed. */
  #lost: { readonly end: WatchServerEnd; readonly atMs: number }[] = [];
  #check: RegistryCheck | undefined;
  #isStopping = false;

  constructor(world: SimWorld, name: string) {
    this.#world = world;
    this.name = name;
    this.process = new SimProcess(name, world.timeline, () => this.wallStepMs);
  }

  /** Where it is reached. */
  get address(): string {
    return `${this.name}:7400`;
  }

  start(): void {
    const world = this.#world;
    const process = new SimProcess(this.name, world.timeline, () => this.wallStepMs);
    this.process = process;
    this.#watchers = new Map();
    this.#lost = [];
    this.#isStopping = false;
    const plane = startControlPlane({
      replicaId: this.name,
      softwareVersion: "simulated",
      clock: process.clock,
      log: quietLog,
      store: storeOn(this.disk, process, world),
      policies: memoryPolicyStore(process.clock),
      encoder: { encode: (update) => updateEncoder.encode(update), sizeOf: () => ENDPOINT_BYTES },
      host: quietHost,
      settleAfterMs: world.plan.settleAfterMs,
      ...this.#cluster(process),
    });
    this.plane = plane;
    this.#check = new RegistryCheck(world, this.name, plane);
    world.network.listeners.set(this.name, {
      process,
      accept: (connection) => {
        if (connection.purpose === "attach")
          return new AttachServerEnd(plane, connection, this.#observer);
        const end = new WatchServerEnd(plane, connection, () => this.#left(end));
        this.#watchers.set(end, world.timeline.nowMs);
        return end;
      },
    });
  }

  /** From one moment to the next, as by a power cut. */
  kill(): void {
    this.#check?.look();
    this.process.kill();
    this.plane = undefined;
    this.#check = undefined;
    this.#world.bus.kill(this.name);
    this.#world.network.died(this.process);
    this.#world.ledger.died(this.name, this.disk);
  }

  /**
   * As it is told to when a new version comes, which starts `restartAfterMs` later.
   *
   * @returns false when it is not there to be told
   */
  stop(restartAfterMs: number): boolean {
    const { plane, process } = this;
    if (plane === undefined || this.#isStopping) return false;
    this.#isStopping = true;
    this.restartAfterMs = restartAfterMs;
    process.run(() => {
      void plane.stop().then(() => {
        if (this.process !== process || !process.isAlive) return;
        this.kill();
        this.startIn(this.restartAfterMs);
      });
    });
    return true;
  }

  /** Unless somebody started it meanwhile. */
  startIn(afterMs: number): void {
    this.#world.timeline.after(afterMs, () => {
      if (this.plane === undefined) this.start();
    });
  }

  pause(): void {
    this.process.pause();
    this.#world.bus.freeze(this.name);
  }

  resume(): void {
    const { process } = this;
    process.resume();
    this.#world.timeline.after(0, () => {
      if (process.isRunning) this.#world.bus.thaw(this.name);
    });
  }

  check(): void {
    this.#check?.look();
  }

  /** True when it keeps that registration by itself. */
  owns(registrationId: string): boolean {
    const services = this.plane?.replica.registry.services.values() ?? [];
    for (const { records } of services) {
      for (const { isOwn, instance } of records.values()) {
        if (isOwn && instance.registrationId === registrationId) return true;
      }
    }
    return false;
  }

  /** Agents that a drain of the service has to wait for, and since when at the latest: connected, or lost a moment ago. */
  countedAgents(key: ServiceKey): ReadonlyMap<string, number> {
    const { nowMs } = this.#world.timeline;
    const counted = new Map<string, number>();
    for (const [{ agentId, subscribed }, sinceMs] of this.#watchers) {
      if (subscribed.has(key)) counted.set(agentId, sinceMs);
    }
    for (const { end, atMs } of this.#lost) {
      const isCounted = nowMs - atMs < LOST_AGENT_MS && end.subscribed.has(key);
      if (isCounted) counted.set(end.agentId, Number.NEGATIVE_INFINITY);
    }
    return counted;
  }

  /** Alone, a replica has no bus. */
  #cluster(process: SimProcess) {
    const { bus, plan, random, timeline, network, doors } = this.#world;
    if (plan.replicaCount === 1) return {};
    const violate = (error: unknown): void => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#world.violate(`${this.name} threw at a message: ${text}`);
    };
    const cluster = {
      bus: new SimBus(bus.join(this.name), process, timeline, violate),
      codec: new ReplicationWire(CLUSTER),
      subjects: new ClusterSubjects(CLUSTER),
      address: this.address,
      random,
      prober: simProber(network, doors, process),
    };
    return { cluster };
  }

  readonly #observer = {
    heard: (end: AttachServerEnd): void => {
      end.heardAtMs = this.#world.timeline.nowMs;
    },
    registered: (end: AttachServerEnd, registrationId: string): void => {
      this.#world.ledger.find(registrationId)?.sessions.set(this.name, end);
    },
    out: (registrationId: string): void =>
      this.#world.ledger.answeredOut(registrationId, this.name),
  };

  #left(end: WatchServerEnd): void {
    this.#watchers.delete(end);
    if (!end.isGoodbye) this.#lost.push({ end, atMs: this.#world.timeline.nowMs });
  }
}
