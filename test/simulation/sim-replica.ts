import { type ControlPlane, startControlPlane } from "../../src/apps/control-plane/start.ts";
import { LOST_AGENT_MS } from "../../src/core/discovery/drain-barrier.ts";
import type { ServiceKey } from "../../src/core/model/names.ts";
import { memoryPolicyStore } from "../../src/io/local-policy-store.ts";
import { updateEncoder } from "../../src/io/wire/update-encoder.ts";
import { quietHost, quietLog } from "../support/control-plane.ts";
import { AttachServerEnd } from "./attach-link.ts";
import { ReplicaDisk, storeOn } from "./disks.ts";
import { RegistryCheck } from "./registry-check.ts";
import { SimProcess } from "./sim-process.ts";
import type { SimWorld } from "./sim-world.ts";
import { WatchServerEnd } from "./watch-link.ts";

/** Makes chunks of two endpoints, so that small services travel in several. */
const ENDPOINT_BYTES = 100_000;

/** A replica of the control plane: what ships, with a disk that outlives its processes. */
export class SimReplica {
  readonly name: string;
  readonly disk = new ReplicaDisk();
  /** Of its machine's wall clock. */
  wallStepMs = 0;
  process: SimProcess;
  plane: ControlPlane | undefined;
  readonly #world: SimWorld;
  #watchers = new Set<WatchServerEnd>();
  /** Streams that ended without a goodbye, and when this replica noticed. */
  #lost: { readonly end: WatchServerEnd; readonly atMs: number }[] = [];
  #check: RegistryCheck | undefined;

  constructor(world: SimWorld, name: string) {
    this.#world = world;
    this.name = name;
    this.process = new SimProcess(name, world.timeline, () => this.wallStepMs);
  }

  start(): void {
    const world = this.#world;
    const process = new SimProcess(this.name, world.timeline, () => this.wallStepMs);
    this.process = process;
    this.#watchers = new Set();
    this.#lost = [];
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
    });
    this.plane = plane;
    this.#check = new RegistryCheck(world, plane);
    const observer = {
      heard: (end: AttachServerEnd) => {
        end.heardAtMs = world.timeline.nowMs;
      },
      registered: (end: AttachServerEnd, registrationId: string) => {
        const entry = world.ledger.find(registrationId);
        if (entry !== undefined) entry.session = end;
      },
      out: (registrationId: string) => {
        const entry = world.ledger.find(registrationId);
        if (entry !== undefined) entry.isOut = true;
      },
    };
    world.network.listeners.set(this.name, {
      process,
      accept: (connection) => {
        if (connection.purpose === "attach")
          return new AttachServerEnd(plane, connection, observer);
        const end = new WatchServerEnd(plane, connection, () => this.#left(end));
        this.#watchers.add(end);
        return end;
      },
    });
  }

  kill(): void {
    this.#check?.look();
    this.process.kill();
    this.plane = undefined;
    this.#check = undefined;
    this.#world.network.died(this.process);
  }

  check(): void {
    this.#check?.look();
  }

  /** Agents that a drain of the service has to wait for: connected, or lost a moment ago. */
  countedAgents(key: ServiceKey): Set<string> {
    const { nowMs } = this.#world.timeline;
    const lost = this.#lost
      .filter(({ atMs }) => nowMs - atMs < LOST_AGENT_MS)
      .map(({ end }) => end);
    const counted = [...this.#watchers, ...lost].filter(({ subscribed }) => subscribed.has(key));
    return new Set(counted.map(({ agentId }) => agentId));
  }

  #left(end: WatchServerEnd): void {
    this.#watchers.delete(end);
    if (!end.isGoodbye) this.#lost.push({ end, atMs: this.#world.timeline.nowMs });
  }
}
