import { Dispatcher, Dispatcher1Wrapper } from "undici";
import { MeshError } from "../../core/model/mesh-error.ts";
import { MESH_DOMAIN } from "../../core/routing/match.ts";
import type { ExchangeHandler } from "../../ports/exchange.ts";
import { type DispatchContext, DispatchExchange } from "./dispatch-exchange.ts";

/** Origins whose meaning is remembered: a program names few, and one that makes them up must not fill memory. */
const MAX_ORIGINS = 1_000;

export interface MeshDispatcherOptions extends Omit<DispatchContext, "isCut"> {
  readonly handler: ExchangeHandler;
  /** For every host that is no service: `setGlobalDispatcher` must not cut a program off from the world. */
  readonly elsewhere: Dispatcher;
}

/**
 * Sends requests for `http://SERVICE.weir` and `http://SERVICE.NAMESPACE.weir` through the mesh, and
 * every other one where it would have gone without.
 */
export class MeshDispatcher extends Dispatcher {
  readonly #options: MeshDispatcherOptions;
  readonly #context: DispatchContext;
  /** By origin: the host for the mesh, or `""`. */
  readonly #hosts = new Map<string, string>();
  readonly #older: Dispatcher;
  #isClosed = false;

  constructor(options: MeshDispatcherOptions) {
    super();
    this.#options = options;
    this.#older = new Dispatcher1Wrapper(this);
    this.#context = { pools: options.pools, identity: options.identity, isCut: false };
  }

  override dispatch(
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ): boolean {
    const host = this.#hostOf(String(options.origin ?? ""));
    if (host === "") return this.#options.elsewhere.dispatch(options, handler);
    // The platform's fetch, and older copies of undici, bring handlers with other names.
    if (handler.onRequestStart === undefined) return this.#older.dispatch(options, handler);
    const fault = this.#faultOf(options);
    if (fault === undefined) {
      this.#options.handler.handle(new DispatchExchange(this.#context, host, options, handler));
      return true;
    }
    handler.onResponseError?.(NO_CONTROLLER, fault);
    return false;
  }

  /** From here every request to the mesh fails; those under way go on. */
  refuse(): void {
    this.#isClosed = true;
  }

  /** Cuts what is still under way, and all connections. */
  async cut(): Promise<void> {
    this.#context.isCut = true;
    await this.#context.pools.destroy();
  }

  #faultOf({ origin }: Dispatcher.DispatchOptions): MeshError | undefined {
    if (this.#isClosed) {
      return new MeshError(
        "CLOSED",
        `the mesh is closed: ${origin} was requested after close(); connect a new one with Mesh.connect()`,
      );
    }
    if (!String(origin).startsWith("https:")) return undefined;
    return new MeshError(
      "INVALID_ARGUMENT",
      `${origin} cannot be requested: the services of a mesh are named by http://`,
    );
  }

  #hostOf(origin: string): string {
    const known = this.#hosts.get(origin);
    if (known !== undefined) return known;
    if (this.#hosts.size >= MAX_ORIGINS) this.#hosts.clear();
    const host = meshHost(origin);
    this.#hosts.set(origin, host);
    return host;
  }
}

function meshHost(origin: string): string {
  const host = URL.canParse(origin) ? new URL(origin).host : "";
  const name = host.replace(/:\d+$/, "").replace(/\.$/, "");
  return name.endsWith(`.${MESH_DOMAIN}`) ? host : "";
}

/** What undici passes where nothing was begun. */
const NO_CONTROLLER = null as unknown as Dispatcher.DispatchController;
