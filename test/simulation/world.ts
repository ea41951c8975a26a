import type { Random } from "../../src/core/model/random.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { FakeBusNetwork } from "../support/fake-bus-network.ts";
import { seededRandom } from "../support/seeded-random.ts";
import type { Break } from "./breaks.ts";
import { Ledger } from "./ledger.ts";
import { Network } from "./network.ts";
import type { Fault, Plan } from "./plan.ts";
import { SimAgent } from "./sim-agent.ts";
import { SimClient } from "./sim-client.ts";
import type { Doors } from "./sim-prober.ts";
import { SimReplica } from "./sim-replica.ts";
import type { SimWorld } from "./sim-world.ts";
import { Timeline } from "./timeline.ts";

/** Lines of a trace that is printed. */
const MAX_TRACE = 2000;

/** Replicas, agents and clients on one virtual time, with a network between them that can fail. */
export class World implements SimWorld {
  readonly plan: Plan;
  readonly planted: Break | undefined;
  readonly timeline = new Timeline();
  readonly random: Random;
  readonly network: Network;
  readonly bus: FakeBusNetwork;
  readonly ledger = new Ledger();
  readonly replicas: SimReplica[];
  readonly agents: SimAgent[];
  readonly clients: SimClient[];
  readonly fired = new Map<Fault, number>();
  /** The first thing that went wrong. */
  violation: string | undefined;
  readonly trace: string[] = [];
  readonly #isTracing: boolean;
  #ids = 0;

  constructor(
    plan: Plan,
    options: { readonly isTracing: boolean; readonly planted?: Break | undefined },
  ) {
    this.plan = plan;
    this.planted = options.planted;
    this.#isTracing = options.isTracing;
    // Another sequence than the plan's: a shorter plan keeps its steps.
    this.random = seededRandom(plan.seed ^ 0x5eed);
    this.network = new Network(this.timeline, this.random);
    const { timeline, random } = this;
    this.bus = new FakeBusNetwork({ clock: clockOf(timeline), random });
    this.replicas = Array.from(
      { length: plan.replicaCount },
      (_, i) => new SimReplica(this, `r${i}`),
    );
    this.agents = Array.from({ length: plan.agentCount }, (_, i) => new SimAgent(this, `a${i}`));
    this.clients = Array.from({ length: plan.clientCount }, (_, i) => new SimClient(this, `c${i}`));
  }

  start(): void {
    for (const replica of this.replicas) replica.start();
    for (const client of this.clients) client.start();
    for (const agent of this.agents) agent.start();
  }

  get addresses(): string[] {
    return this.replicas.map(({ address }) => address);
  }

  readonly doors: Doors = {
    find: (host, port) => {
      const client = this.clients.find((one) => one.host === host);
      return client && { name: client.name, isOpen: client.isListening(port) };
    },
  };

  newId(prefix: string): string {
    return `${prefix}.${++this.#ids}`;
  }

  violate(what: string): void {
    this.say(`VIOLATION ${what}`);
    this.violation ??= what;
  }

  count(fault: Fault): void {
    this.fired.set(fault, (this.fired.get(fault) ?? 0) + 1);
  }

  say(line: string): void {
    if (!this.#isTracing) return;
    this.trace.push(`${this.timeline.nowMs.toFixed(1).padStart(9)} ${line}`);
    if (this.trace.length > MAX_TRACE) this.trace.shift();
  }

  /** Looks at everything that can be looked at after any event. @returns true when something is wrong. */
  check(): boolean {
    for (const replica of this.replicas) replica.check();
    return this.violation !== undefined;
  }
}

/** Of nobody's machine: the bus only measures and waits. */
function clockOf(timeline: Timeline): Clock {
  return {
    nowMs: () => timeline.nowMs,
    wallMs: () => timeline.nowMs,
    after: (delayMs, task) => timeline.after(delayMs, task),
  };
}
