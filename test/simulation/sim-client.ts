import { DEFAULT_WEIGHT, NO_LOCALITY } from "../../src/core/model/instance.ts";
import { type InstanceId, serviceKey } from "../../src/core/model/names.ts";
import { DataPlane } from "../../src/data-plane/data-plane.ts";
import type { KeptView } from "../../src/data-plane/kept-instance.ts";
import type { LocalInstance } from "../../src/data-plane/local-instance.ts";
import { quietLog } from "../support/control-plane.ts";
import { dataPlaneConfig } from "../support/data-plane-config.ts";
import { simAttachSource } from "./attach-link.ts";
import { NAMESPACE, SERVICES, UNREADABLE_WEIGHT } from "./services.ts";
import { SimProcess } from "./sim-process.ts";
import type { SimWorld } from "./sim-world.ts";
import { simWatchSource } from "./watch-link.ts";

/** Instances that one client may keep, over both services. */
const MAX_INSTANCES = 3;

/** Short ones, so that leases end within a run. */
const LEASES_MS = [3_000, 5_000, 15_000];

/** A process that registers instances, and starts anew under the same ids after a crash. */
export class SimClient {
  readonly name: string;
  process: SimProcess;
  plane: DataPlane | undefined;
  /** The instances that it should keep. */
  readonly wanted = new Map<string, LocalInstance>();
  readonly #world: SimWorld;
  readonly #ids: string;

  /** @param ids whose instance ids it uses: a twin uses another client's. */
  constructor(world: SimWorld, name: string, ids = name) {
    this.#world = world;
    this.name = name;
    this.#ids = ids;
    this.process = new SimProcess(name, world.timeline, () => 0);
  }

  start(): void {
    const world = this.#world;
    const process = new SimProcess(this.name, world.timeline, () => 0);
    this.process = process;
    const plane = new DataPlane(
      {
        id: () => this.name,
        config: dataPlaneConfig(world.addresses, []),
        routes: [],
        accessLog: "off",
      },
      {
        softwareVersion: "simulated",
        clock: process.clock,
        random: world.random,
        log: quietLog,
        newId: () => world.newId(this.name),
        watchSource: simWatchSource(world.network, process, (listener) => listener),
        attachSource: simAttachSource(
          world.network,
          process,
          (registration) => world.planted?.registration?.(registration) ?? registration,
        ),
        prober: { probe: () => Promise.resolve({ ok: true, detail: "" }) },
        lastKnownGood: { load: () => undefined, save: () => Promise.resolve() },
        retirePool: () => undefined,
      },
    );
    this.plane = plane;
    plane.start();
    if (this.wanted.size === 0) this.want(0, false);
    for (const local of this.wanted.values()) this.#add(plane, local);
  }

  kill(): void {
    this.process.kill();
    this.plane = undefined;
    this.#world.network.died(this.process);
  }

  /** Keeps one more instance, or the same one as a new process. */
  want(what: number, isUnreadable: boolean): void {
    const service = SERVICES[what % SERVICES.length] ?? SERVICES[0];
    const id = `${this.#ids}-${what % MAX_INSTANCES}` as InstanceId;
    const local: LocalInstance = {
      key: `${NAMESPACE}/${service}/${id}`,
      instance: {
        namespace: NAMESPACE,
        service,
        id,
        address: { kind: "ip", value: this.host },
        ports: [{ name: "http", port: portOf(service, what), protocol: "http1" }],
        weight: isUnreadable ? UNREADABLE_WEIGHT : DEFAULT_WEIGHT,
        priority: 0,
        locality: NO_LOCALITY,
        metadata: new Map(),
        leaseMs: LEASES_MS[what % LEASES_MS.length] ?? 15_000,
      },
      defaults: undefined,
      probe: undefined,
    };
    const { plane } = this;
    if (plane !== undefined && this.wanted.has(local.key)) this.#give(plane, local.key);
    this.wanted.set(local.key, local);
    if (plane !== undefined && this.process.isRunning) this.#add(plane, local);
  }

  /** Wants the same instances, at its own address. */
  copy({ wanted }: SimClient): void {
    const address = { kind: "ip", value: this.host } as const;
    for (const [key, local] of wanted) {
      this.wanted.set(key, { ...local, instance: { ...local.instance, address } });
    }
  }

  /** Takes one instance out. */
  leave(what: number): void {
    const keys = [...this.wanted.keys()];
    const key = keys[what % Math.max(1, keys.length)];
    if (key === undefined || this.plane === undefined || !this.process.isRunning) return;
    this.#give(this.plane, key);
  }

  flip(what: number): void {
    const views = this.views();
    const view = views[what % Math.max(1, views.length)];
    if (view === undefined || !this.process.isRunning) return;
    this.plane?.setHealth(view.key, what % 3 === 0 ? "unhealthy" : "healthy", "");
  }

  /** Of its machine: nobody else has it. */
  get host(): string {
    return `10.0.0.${this.name.slice(1)}`;
  }

  /** True while a process of it listens there, perhaps without answering. */
  isListening(port: number): boolean {
    if (this.plane === undefined) return false;
    return [...this.wanted.values()].some(({ instance }) => instance.ports[0]?.port === port);
  }

  views(): KeptView[] {
    return this.plane?.instances() ?? [];
  }

  #add(plane: DataPlane, local: LocalInstance): void {
    plane.add(local);
    const view = plane.instances().find(({ key }) => key === local.key);
    if (view === undefined) return;
    const { namespace, service, id: instanceId } = local.instance;
    const { registrationId } = view;
    const isRunning = (): boolean =>
      this.views().some((one) => one.registrationId === registrationId);
    const key = serviceKey(namespace, service);
    this.#world.ledger.started({ registrationId, key, instanceId, isRunning });
    this.#world.say(`${this.name} starts ${registrationId} as ${local.key}`);
  }

  #give(plane: DataPlane, key: string): void {
    this.wanted.delete(key);
    const view = plane.instances().find((one) => one.key === key);
    const entry = view && this.#world.ledger.find(view.registrationId);
    if (entry !== undefined) entry.isLeaving = true;
    this.#world.say(`${this.name} deregisters ${view?.registrationId}`);
    // Whether a replica answered is seen at the replica: this promise also ends without an answer.
    void plane.remove(key);
  }
}

function portOf(service: (typeof SERVICES)[number], what: number): number {
  return 8_000 + 10 * SERVICES.indexOf(service) + (what % MAX_INSTANCES);
}
