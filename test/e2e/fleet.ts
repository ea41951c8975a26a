import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { keyOf, type MeshTruth } from "../support/mesh-truth.ts";
import type { FleetCommand, FleetEvent, FleetReport, Registration } from "./fleet-protocol.ts";
import type { Stage } from "./stage.ts";

const WORKER = fileURLToPath(new URL("fleet-worker.ts", import.meta.url));

/** The keeper gives up after 2 s; then the process ends without an answer, as any process would. */
const GOODBYE_MS = 3_000;

export interface FleetOptions {
  /** Where instances listen. */
  readonly host: string;
  /** Of each client: the replicas that it is given. */
  readonly clients: readonly (readonly string[])[];
  readonly leaseMs: number;
}

/** All instances of a run, in a process of their own, and what is true of them. */
export class Fleet {
  readonly clientCount: number;
  /** Registrations that a server ended although nobody asked for it, in words. */
  readonly wronged: string[] = [];
  readonly #truth: MeshTruth;
  readonly #child: ChildProcess;
  readonly #clientOf = new Map<string, number>();
  readonly #registrations = new Map<string, Registration>();
  /** By client and instance: a client keeps one process of each. */
  readonly #keptBy = new Map<string, string>();
  readonly #attachedTo = new Map<number, string>();
  /** Superseded for certain, whose clients were not told yet. */
  readonly #untold = new Set<string>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(stage: Stage, truth: MeshTruth, options: FleetOptions) {
    this.#truth = truth;
    this.clientCount = options.clients.length;
    this.#child = stage.script("fleet", WORKER, []).child;
    this.#child.on("message", (message) => {
      for (const event of (message as FleetReport).events) this.#hear(event);
    });
    stage.onClose(() => {
      for (const timer of this.#timers) clearTimeout(timer);
      return undefined;
    });
    this.#send({ type: "start", ...options });
  }

  /** Starts the processes of these instances; whoever holds their ids is superseded. */
  register(client: number, registrations: readonly Registration[]): void {
    for (const registration of registrations) {
      const { registrationId } = registration;
      const slot = `${client} ${keyOf(registration)}`;
      const former = this.#keptBy.get(slot);
      this.#keptBy.set(slot, registrationId);
      // The client itself replaced it: nobody is left to be told.
      if (former !== undefined) this.#end(former);
      this.#truth.starting(registration);
      this.#clientOf.set(registrationId, client);
      this.#registrations.set(registrationId, registration);
    }
    this.#send({ type: "register", client, registrations });
  }

  /** Deregisters an instance; its process ends once that is confirmed, or was not in time. */
  deregister({ registrationId }: Pick<Registration, "registrationId">): void {
    const registration = this.#registrations.get(registrationId);
    const client = this.#clientOf.get(registrationId);
    if (registration === undefined || client === undefined) return;
    this.#truth.leaving(registrationId);
    this.#send({ type: "deregister", client, registration });
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#end(registrationId);
    }, GOODBYE_MS);
    this.#timers.add(timer);
  }

  health({ registrationId }: Pick<Registration, "registrationId">, isHealthy: boolean): void {
    const registration = this.#registrations.get(registrationId);
    const client = this.#clientOf.get(registrationId);
    if (registration === undefined || client === undefined) return;
    this.#truth.touched(registration);
    this.#send({ type: "health", client, registration, isHealthy });
  }

  /** The replica that an instance's client is attached to; `""` for none. */
  replicaOf({ registrationId }: Pick<Registration, "registrationId">): string {
    return this.attachedTo(this.#clientOf.get(registrationId) ?? -1);
  }

  attachedTo(client: number): string {
    return this.#attachedTo.get(client) ?? "";
  }

  clientOf({ registrationId }: Pick<Registration, "registrationId">): number {
    return this.#clientOf.get(registrationId) ?? 0;
  }

  /** Losers of an id whose clients go on as if nothing had happened. */
  get untoldCount(): number {
    return this.#untold.size;
  }

  #hear(event: FleetEvent): void {
    switch (event.type) {
      case "attached":
        this.#attachedTo.set(event.client, event.replicaId);
        return;
      case "deregistered":
        this.#truth.gone(event.registrationId);
        this.#end(event.registrationId);
        return;
      case "status":
        if (event.status === "registered") this.#registered(event.registrationId);
        if (event.status === "superseded" || event.status === "evicted") {
          this.#toldToStop(event.registrationId, event.status);
        }
    }
  }

  #registered(registrationId: string): void {
    for (const loser of this.#truth.live(registrationId)) {
      // One that deregistered itself at the same time has nobody left to be told.
      if (this.#registrations.has(loser.registrationId)) this.#untold.add(loser.registrationId);
    }
  }

  #toldToStop(registrationId: string, status: string): void {
    const phase = this.#truth.phaseOf(registrationId);
    if (phase === "live" || phase === "starting") {
      this.wronged.push(`${registrationId} was told that it is ${status}, and it is ${phase}`);
    }
    this.#end(registrationId);
  }

  #end(registrationId: string): void {
    const registration = this.#registrations.get(registrationId);
    this.#registrations.delete(registrationId);
    this.#untold.delete(registrationId);
    if (registration === undefined) return;
    this.#send({ type: "end", client: this.#clientOf.get(registrationId) ?? 0, registration });
  }

  #send(command: FleetCommand): void {
    if (this.#child.connected) this.#child.send(command);
  }
}
