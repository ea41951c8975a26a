/** The fleet's process: every instance is an HTTP server on a port of its own; few clients keep all of them registered. */
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { NO_LOCALITY, NO_METADATA } from "../../src/core/model/instance.ts";
import type { InstanceId } from "../../src/core/model/names.ts";
import type { LocalInstance } from "../../src/data-plane/local-instance.ts";
import { RegistrationKeeper } from "../../src/data-plane/registration-keeper.ts";
import { ReplicaList } from "../../src/data-plane/replica-list.ts";
import { grpcAttachSource } from "../../src/io/grpc/attach-client.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import { quietLog } from "../support/control-plane.ts";
import { seededRandom } from "../support/seeded-random.ts";
import type { FleetCommand, FleetEvent, FleetReport, Registration } from "./fleet-protocol.ts";
import { observedAttach } from "./observed-attach.ts";

/** Events wait this long for others, so that a message costs little. */
const REPORT_EVERY_MS = 20;

/** As nginx.ts does, so that the same load fits both. */
const SLOW_MS = 2_000;

/** An instance's HTTP server. */
interface Door {
  readonly server: Server;
  readonly sockets: Set<Socket>;
}

class Fleet {
  readonly #host: string;
  readonly #leaseMs: number;
  readonly #clients: RegistrationKeeper[];
  readonly #doors = new Map<string, Door>();
  readonly #names = new Map<number, string>();
  #nextId = "";
  #events: FleetEvent[] = [];

  /** One HTTP implementation behind all ports. */
  readonly #http = createHttpServer((request, response) => {
    const name = this.#names.get(request.socket.localPort ?? 0) ?? "";
    request.resume();
    const answer = (): void => {
      response.writeHead(200, { "x-instance": name }).end(`${name}\n`);
    };
    if (request.url === "/slow") setTimeout(answer, SLOW_MS);
    else answer();
  });

  constructor({ host, clients, leaseMs }: Extract<FleetCommand, { type: "start" }>) {
    this.#host = host;
    this.#leaseMs = leaseMs;
    this.#clients = clients.map((replicas, client) => this.#newClient(replicas, client));
    setInterval(() => this.#report(), REPORT_EVERY_MS);
  }

  /** All of them listen before the first is registered. */
  async register(client: number, registrations: readonly Registration[]): Promise<void> {
    const ports = await Promise.all(registrations.map((one) => this.#open(one)));
    registrations.forEach((registration, i) => {
      this.#nextId = registration.registrationId;
      this.#clients[client]?.add(this.#describe(registration, ports[i] ?? 0));
    });
  }

  deregister(client: number, registration: Registration): void {
    void this.#clients[client]?.remove(keyOf(registration));
  }

  health(client: number, registration: Registration, isHealthy: boolean): void {
    const health = isHealthy ? "healthy" : "unhealthy";
    this.#clients[client]?.healthChanged(keyOf(registration), health, "");
  }

  end(client: number, { service, id, registrationId }: Registration): void {
    const keeper = this.#clients[client];
    const isKept = keeper?.views().some((view) => view.registrationId === registrationId);
    if (isKept) void keeper?.remove(keyOf({ service, id }));
    const door = this.#doors.get(registrationId);
    this.#doors.delete(registrationId);
    door?.server.close();
    for (const socket of door?.sockets ?? []) socket.destroy();
  }

  #newClient(replicas: readonly string[], client: number): RegistrationKeeper {
    const source = observedAttach(grpcAttachSource(), {
      attached: (replicaId) => this.#tell({ type: "attached", client, replicaId }),
      deregistered: ({ registrationId }) => this.#tell({ type: "deregistered", registrationId }),
    });
    const random = seededRandom(client + 1);
    return new RegistrationKeeper({
      ...{ source, random, clock: systemClock, log: quietLog },
      replicas: new ReplicaList(replicas, random),
      clientId: `client-${client}`,
      softwareVersion: "e2e",
      newId: () => this.#nextId,
      onChange: ({ registrationId, status }) => {
        this.#tell({ type: "status", registrationId, status });
      },
    });
  }

  #describe({ service, id }: Registration, port: number): LocalInstance {
    return {
      key: keyOf({ service, id }),
      instance: {
        ...{ service, namespace: "default", id: id as InstanceId, leaseMs: this.#leaseMs },
        address: { kind: "ip", value: this.#host },
        ports: [{ name: "http", port, protocol: "http1" }],
        ...{ weight: 100, priority: 0, locality: NO_LOCALITY, metadata: NO_METADATA },
      },
      defaults: undefined,
      probe: undefined,
    };
  }

  async #open({ id, registrationId }: Registration): Promise<number> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      this.#http.emit("connection", socket);
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, this.#host, resolve);
    });
    this.#doors.set(registrationId, { server, sockets });
    const { port } = server.address() as AddressInfo;
    this.#names.set(port, id);
    return port;
  }

  #tell(event: FleetEvent): void {
    this.#events.push(event);
  }

  #report(): void {
    if (this.#events.length === 0) return;
    const report: FleetReport = { events: this.#events };
    this.#events = [];
    process.send?.(report);
  }
}

function keyOf({ service, id }: Pick<Registration, "service" | "id">): string {
  return `default/${service}/${id}`;
}

let fleet: Fleet | undefined;

process.on("message", (message) => {
  const command = message as FleetCommand;
  if (command.type === "start") fleet = new Fleet(command);
  if (command.type === "register") void fleet?.register(command.client, command.registrations);
  if (command.type === "deregister") fleet?.deregister(command.client, command.registration);
  if (command.type === "health") {
    fleet?.health(command.client, command.registration, command.isHealthy);
  }
  if (command.type === "end") fleet?.end(command.client, command.registration);
});
// The parent died: nobody will read what this process says.
process.on("disconnect", () => process.exit(0));
