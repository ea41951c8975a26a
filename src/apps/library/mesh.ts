import { EventEmitter } from "node:events";
import type { Dispatcher } from "undici";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { ConnectionNews } from "../../data-plane/connection-loop.ts";
import { DataPlane, type DataPlaneWorld } from "../../data-plane/data-plane.ts";
import type { KeptView } from "../../data-plane/kept-instance.ts";
import type { ServiceTable } from "../../data-plane/service-table.ts";
import { splitServiceName } from "../../data-plane/settings.ts";
import type { ExchangeHandler } from "../../ports/exchange.ts";
import { type InstanceOptions, localInstanceFrom, type MeshConfig } from "./options.ts";
import type { Pick } from "./pick.ts";
import { Picker, type PickOptions } from "./picker.ts";
import { whenReady } from "./ready.ts";
import type { Registration } from "./registration.ts";
import { Registrations, type RegistrationsWorld } from "./registrations.ts";

/** How long `close` waits: for drains first, and as long again for requests under way. */
const CLOSE_BUDGET_MS = 10_000;

/** How often the end looks for requests under way. */
const IDLE_CHECK_MS = 10;

/** The doors of a mesh into HTTP, as its program opened them. */
export interface HttpDoor<Fetch> {
  readonly dispatcher: Dispatcher;
  readonly fetch: Fetch;
  /** Every request from here on fails. */
  refuse(): void;
  /** Cuts what is still under way, and all connections. */
  cut(): Promise<void>;
}

/** What a mesh needs of the world. */
export interface MeshWorld<Fetch> extends DataPlaneWorld, RegistrationsWorld {
  readonly hostName: string;
  readonly openHttp: (handler: ExchangeHandler, identity: string) => HttpDoor<Fetch>;
  /** Makes `weir:` targets of gRPC clients lead here. @returns how to stop. */
  readonly openGrpc: (name: string, table: ServiceTable, namespace: string) => () => void;
}

/** What a mesh tells its program, beside what its calls answer. */
export interface MeshEvents {
  /** A control plane answered. */
  connected: [{ readonly address: string; readonly replicaId: string }];
  /** The control plane is away, or refuses; requests go on with what is known. */
  disconnected: [{ readonly address: string; readonly problem: string }];
  /** An instance of this program was registered, refused, superseded or evicted. */
  registration: [KeptView];
}

/** An open connection to the mesh. @see Mesh.connect */
export class OpenMesh<Fetch> extends EventEmitter<MeshEvents> {
  /** Unique among agents: drains wait for it by this name. */
  readonly id: string;
  /** For undici's `request`, `stream`, `fetch`, `setGlobalDispatcher` ...: takes `http://SERVICE.weir`. */
  readonly dispatcher: Dispatcher;
  /** The platform's `fetch`, with `http://SERVICE.weir` balanced by the mesh. */
  readonly fetch: Fetch;
  readonly #config: MeshConfig;
  readonly #world: MeshWorld<Fetch>;
  readonly #plane: DataPlane;
  readonly #picker: Picker;
  readonly #registrations: Registrations;
  readonly #http: HttpDoor<Fetch>;
  readonly #closeGrpc: () => void;
  #news: ((news: ConnectionNews) => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(config: MeshConfig, id: string, world: MeshWorld<Fetch>) {
    super();
    this.id = id;
    this.#config = config;
    this.#world = world;
    this.#plane = new DataPlane(
      {
        id: () => id,
        config,
        routes: [],
        accessLog: "off",
        onRegistration: (view) => this.#registrationChanged(view),
        onConnection: (news) => this.#connectionChanged(news),
      },
      world,
    );
    const { table, path } = this.#plane;
    this.#picker = new Picker(table, world.clock, world.random, id);
    this.#registrations = new Registrations(this.#plane, world);
    this.#http = world.openHttp(path, id);
    this.dispatcher = this.#http.dispatcher;
    this.fetch = this.#http.fetch;
    this.#closeGrpc = world.openGrpc(config.name, table, config.namespace);
  }

  /** Resolves when a control plane has answered for everything that was subscribed to. */
  async open(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const follow = (listener: (news: ConnectionNews) => void) => {
      this.#news = listener;
    };
    const ready = whenReady({
      plane: this.#plane,
      config: this.#config,
      clock: this.#world.clock,
      follow,
      timeoutMs,
      signal,
    });
    this.#plane.start();
    try {
      await ready;
    } catch (error) {
      await this.close(0);
      throw error;
    } finally {
      this.#news = undefined;
    }
  }

  /** Whether a control plane is connected; requests go on without one. */
  get isConnected(): boolean {
    return this.#plane.connection.isConnected;
  }

  /** Requests through `fetch` and the dispatcher that have not ended. */
  get inFlight(): number {
    return this.#plane.path.inFlight;
  }

  /**
   * Registers an instance of this program, and keeps its lease until it is closed.
   *
   * @param options as an entry of `instances` in an agent's file; `id` is `HOST:PORT` when left out,
   *   and there is no probe: the program lives as long as it renews.
   * @throws MeshError INVALID_ARGUMENT that names each field, ALREADY_REGISTERED, SUPERSEDED, TIMEOUT.
   */
  async register(
    options: InstanceOptions,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<Registration> {
    this.#mustBeOpen("register");
    const { namespace, locality } = this.#config;
    const { hostName } = this.#world;
    const local = localInstanceFrom(options, { namespace, locality, hostName });
    return this.#registrations.add(local, signal);
  }

  /**
   * Chooses an endpoint for one request that the program sends itself, by the service's policy.
   *
   * @param service `orders`, or `shop/orders` of another namespace.
   * @throws MeshError SERVICE_NOT_FOUND, NO_ENDPOINT or CLOSED.
   */
  async pick(service: string, options: PickOptions = {}): Promise<Pick> {
    this.#mustBeOpen("pick");
    const name = splitServiceName(service, this.#config.namespace);
    return this.#picker.pick(name.namespace, name.service, options);
  }

  /**
   * Drains and deregisters what this program registered, lets requests under way end, and says
   * goodbye. Nothing of the mesh keeps the process alive afterwards.
   *
   * @param timeoutMs for the drains, and as long again for the requests; 10 s when left out.
   */
  close(timeoutMs = CLOSE_BUDGET_MS): Promise<void> {
    this.#closed ??= this.#close(timeoutMs);
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    await this.#registrations.close(timeoutMs);
    await this.#plane.deregister();
    this.#http.refuse();
    this.#closeGrpc();
    await this.#idle(timeoutMs);
    await this.#plane.stop();
    await this.#http.cut();
  }

  async #idle(timeoutMs: number): Promise<void> {
    const { clock } = this.#world;
    const deadlineMs = clock.nowMs() + timeoutMs;
    while (this.inFlight > 0 && clock.nowMs() < deadlineMs) {
      await new Promise<void>((resolve) => clock.after(IDLE_CHECK_MS, resolve));
    }
  }

  #mustBeOpen(what: string): void {
    if (this.#closed === undefined) return;
    throw new MeshError(
      "CLOSED",
      `the mesh is closed: ${what}() was called after close(); connect a new one with Mesh.connect()`,
    );
  }

  #connectionChanged(news: ConnectionNews): void {
    this.#news?.(news);
    const { isConnected, address, replicaId, problem } = news;
    if (isConnected) this.emit("connected", { address, replicaId });
    else this.emit("disconnected", { address, problem });
  }

  #registrationChanged(view: KeptView): void {
    this.#registrations.changed(view);
    this.emit("registration", view);
  }
}
