import { serviceKey } from "../core/model/names.ts";
import type { Random } from "../core/model/random.ts";
import { matchRoute, type RouteMatch, type RouteTable } from "../core/routing/match.ts";
import type { Clock } from "../ports/clock.ts";
import type { Exchange, ExchangeHandler } from "../ports/exchange.ts";
import type { AccessLog } from "./access-log.ts";
import { Passage, type PassageContext } from "./passage.ts";
import type { UpstreamService } from "./upstream-service.ts";

/** What this agent knows of services. */
export interface ServiceLookup {
  /** @returns `undefined` until the service's first answer has come. */
  lookup(namespace: string, service: string): UpstreamService | undefined;
  /** Subscribes when needed; resolves with `undefined` when no answer came in time. */
  waitFor(
    namespace: string,
    service: string,
    timeoutMs: number,
  ): Promise<UpstreamService | undefined>;
}

/** Bounds memory when endpoints hang: 10,000 requests with 64 KiB of body are 640 MB. */
export const DEFAULT_MAX_IN_FLIGHT = 10_000;

/** A service's first request waits so long for its endpoints: two round trips and a reconnect. */
export const SERVICE_WAIT_MS = 2_000;

export interface RequestPathOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly table: ServiceLookup;
  readonly routes: RouteTable;
  readonly accessLog: AccessLog;
  /** Requests of the whole agent, those included that wait. */
  readonly maxInFlight?: number;
  /** Take the client's address from X-Forwarded-For: only behind a proxy that sets it. */
  readonly trustForwardedFor?: boolean;
}

/**
 * Takes each request through the agent, in this order: route, circuit limit, service; then, in
 * its `Passage`, deadline, pick, send, outcome, retry within budget. Each step says where it
 * stands why it stands there.
 */
export class RequestPath implements ExchangeHandler, PassageContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly accessLog: AccessLog;
  readonly trustForwardedFor: boolean;
  readonly #table: ServiceLookup;
  readonly #routes: RouteTable;
  readonly #maxInFlight: number;
  #inFlight = 0;

  constructor(options: RequestPathOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.accessLog = options.accessLog;
    this.trustForwardedFor = options.trustForwardedFor ?? false;
    this.#table = options.table;
    this.#routes = options.routes;
    this.#maxInFlight = options.maxInFlight ?? DEFAULT_MAX_IN_FLIGHT;
  }

  /** Requests accepted and not ended. */
  get inFlight(): number {
    return this.#inFlight;
  }

  handle(exchange: Exchange): void {
    const nowMs = this.clock.nowMs();
    const passage = new Passage(this, exchange, nowMs);
    this.#inFlight += 1;

    // Route: first, because everything that follows belongs to a service.
    const route = matchRoute(this.#routes, exchange.host, exchange.path);
    if (route === undefined) {
      passage.fail(404, "NR", noRoute(exchange));
      return;
    }
    passage.routedTo(route);

    // Circuit limit: before anything waits, because waiting is what it bounds.
    if (this.#inFlight > this.#maxInFlight) {
      passage.fail(
        503,
        "UO",
        `This agent has ${this.#maxInFlight} requests in flight, its limit: ` +
          "the services behind it are slower than the requests come; retry later.",
      );
      return;
    }

    // Service: known after its first request, so that only that one waits.
    const service = this.#table.lookup(route.namespace, route.service);
    if (service === undefined) this.#wait(passage, route);
    else passage.start(service, nowMs);
  }

  /** Called by each passage when it ended, once. */
  ended(): void {
    this.#inFlight -= 1;
  }

  #wait(passage: Passage, route: RouteMatch): void {
    this.#table.waitFor(route.namespace, route.service, SERVICE_WAIT_MS).then(
      (service) => {
        if (service === undefined) passage.fail(404, "NR", unknownService(route));
        else passage.start(service, this.clock.nowMs());
      },
      (error: unknown) => passage.fail(503, "UH", `The service cannot be looked up: ${error}.`),
    );
  }
}

function noRoute({ host, path }: Exchange): string {
  return (
    `No route for host "${host}" and path "${path.slice(0, 200)}": use SERVICE.weir or ` +
    "SERVICE.NAMESPACE.weir as the host, or add a route with this pathPrefix to the agent's configuration."
  );
}

function unknownService({ namespace, service }: RouteMatch): string {
  const key = serviceKey(namespace, service);
  return (
    `Service ${key} is not known: no answer about it within ${SERVICE_WAIT_MS} ms. ` +
    `Check the name with "weir services -n ${namespace}", or register an instance: ` +
    `weir register ${service} HOST:PORT -n ${namespace}`
  );
}
