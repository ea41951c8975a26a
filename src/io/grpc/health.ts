import type { ServerWritableStream } from "@grpc/grpc-js";
import { MeshError } from "../../core/model/mesh-error.ts";
import { echo } from "../../core/model/text.ts";
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  type HealthListResponse,
  type HealthServer,
  HealthService,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/grpc/health/v1/health.ts";
import { unary } from "./handler.ts";
import type { GrpcService } from "./server.ts";
import { toServiceError } from "./status.ts";

/** Probes watch, people check: more than this is a client that leaks streams. */
const MAX_WATCHERS = 1_000;

/** What has a health of its own; `""` is the server as a whole. */
const NAMES: ReadonlySet<string> = new Set([
  "",
  "weir.v1.RegistryService",
  "weir.v1.DiscoveryService",
  "weir.v1.AdminService",
  "weir.v1.PolicyService",
]);

type WatchCall = ServerWritableStream<HealthCheckRequest, HealthCheckResponse>;

/**
 * Whether this server should get new calls, for `grpc.health.v1.Health`. All services share
 * one status. Source: grpc/grpc, doc/health-checking.md.
 */
export class HealthRegistry {
  #isServing = true;
  readonly #watchers = new Set<WatchCall>();

  /** Tells every watcher of a change; false while the server drains. */
  set(isServing: boolean): void {
    if (isServing === this.#isServing) return;
    this.#isServing = isServing;
    for (const call of this.#watchers) call.write(this.#response());
  }

  /** Ends the watches: a stream that never ends would keep the server from stopping. */
  end(): void {
    for (const call of this.#watchers) call.end();
    this.#watchers.clear();
  }

  /** `grpc.health.v1.Health` over this registry. */
  service(): GrpcService {
    const handlers: HealthServer = {
      check: unary(({ service }) => {
        if (!NAMES.has(service)) throw unknownService(service);
        return this.#response();
      }),
      list: unary((): HealthListResponse => {
        return { statuses: new Map([...NAMES].map((name) => [name, this.#response()])) };
      }),
      watch: (call) => this.#watch(call),
    };
    return { definition: HealthService, handlers };
  }

  #response(): HealthCheckResponse {
    return { status: this.#isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING };
  }

  /** A name that is not known stays open and unknown: the specification wants no error here. */
  #watch(call: WatchCall): void {
    if (!NAMES.has(call.request.service)) {
      call.write({ status: ServingStatus.SERVICE_UNKNOWN });
    } else if (this.#watchers.size >= MAX_WATCHERS) {
      call.emit("error", toServiceError(tooManyWatchers()));
    } else {
      this.#watchers.add(call);
      call.once("cancelled", () => this.#watchers.delete(call));
      call.write(this.#response());
    }
  }
}

function unknownService(service: string): MeshError {
  const names = [...NAMES].filter((name) => name !== "").join(", ");
  return new MeshError(
    "SERVICE_NOT_FOUND",
    `${echo(service)} has no health here; ask for ${names}, or for no name to check the server`,
  );
}

function tooManyWatchers(): MeshError {
  const quota = { subject: "health-watches", description: `${MAX_WATCHERS} a server` };
  const message = `${MAX_WATCHERS} clients watch this server's health already; use Check instead`;
  return new MeshError("LIMIT_REACHED", message, { quota, retryAfterMs: 10_000 });
}
