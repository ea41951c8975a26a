import { DataPlane } from "../../src/data-plane/data-plane.ts";
import { quietLog } from "../support/control-plane.ts";
import { dataPlaneConfig } from "../support/data-plane-config.ts";
import { AgentCheck } from "./agent-check.ts";
import { simAttachSource } from "./attach-link.ts";
import { AgentDisk } from "./disks.ts";
import { SERVICE_KEYS, SERVICES } from "./services.ts";
import { SimProcess } from "./sim-process.ts";
import type { SimWorld } from "./sim-world.ts";
import { simWatchSource } from "./watch-link.ts";

/** An agent that sends requests to every service. Its file outlives its processes. */
export class SimAgent {
  readonly name: string;
  /** It cannot read endpoints that are written in a newer way. */
  isOld = false;
  process: SimProcess;
  plane: DataPlane | undefined;
  check: AgentCheck | undefined;
  readonly #world: SimWorld;
  readonly #disk = new AgentDisk();

  constructor(world: SimWorld, name: string) {
    this.#world = world;
    this.name = name;
    this.process = new SimProcess(name, world.timeline, () => 0);
  }

  start(): void {
    const world = this.#world;
    const process = new SimProcess(this.name, world.timeline, () => 0);
    const check = new AgentCheck(world, this);
    this.process = process;
    this.check = check;
    const plane = new DataPlane(
      {
        id: () => this.name,
        config: dataPlaneConfig(world.addresses, SERVICES),
        routes: [],
        accessLog: "off",
      },
      {
        softwareVersion: "simulated",
        clock: process.clock,
        random: world.random,
        log: quietLog,
        newId: () => world.newId(this.name),
        watchSource: simWatchSource(world.network, process, (listener) => check.observe(listener)),
        attachSource: simAttachSource(world.network, process, (registration) => registration),
        prober: { probe: () => Promise.resolve({ ok: true, detail: "" }) },
        lastKnownGood: this.#disk.store(process, world),
        retirePool: () => undefined,
      },
    );
    this.plane = plane;
    check.started();
    plane.start();
  }

  kill(): void {
    this.process.kill();
    this.plane = undefined;
    this.check = undefined;
    this.#world.network.died(this.process);
  }

  /** Sends a request, which takes a while. */
  pick(what: number, takesMs: number): void {
    const { plane, process } = this;
    const key = SERVICE_KEYS[what % SERVICE_KEYS.length];
    const upstream = key && plane?.table.entry(key)?.upstream;
    if (!upstream || !process.isRunning) return;
    const startedMs = process.clock.nowMs();
    const load = upstream.pick(startedMs, this.#world.random, what, []);
    if (load === undefined) return;
    this.check?.picked(key, load.endpoint);
    upstream.begin(load, startedMs);
    process.clock.after(takesMs, () =>
      upstream.end(load, "success", startedMs, process.clock.nowMs()),
    );
  }
}
