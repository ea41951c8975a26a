import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { AdminResponse, AdminRoutes } from "../../ports/admin-http.ts";
import { bind } from "./bind.ts";
import { parseListenAddress } from "./listen-address.ts";

/** Nothing that is read here takes longer; slower peers hold sockets for nothing. */
const REQUEST_TIMEOUT_MS = 5_000;

/** Metrics and probes need few; more are a mistake or an attack. */
const MAX_CONNECTIONS = 256;

export interface RunningAdmin {
  /** `host:port` as bound. */
  readonly address: string;
  stop(): Promise<void>;
}

/**
 * Serves GET and HEAD on an admin port. A `Host` that is neither an IP address, `localhost`
 * nor the name that was listened on is refused, so that no web page can reach this port by
 * rebinding its own name.
 *
 * @param options `takeOver` shares the port with the process that holds it.
 * @throws MeshError LISTEN_FAILED that says what to do.
 */
export async function startAdmin(
  listen: string,
  routes: AdminRoutes,
  { takeOver = false } = {},
): Promise<RunningAdmin> {
  const colon = listen.lastIndexOf(":");
  const host = listen.slice(0, colon);
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => answer(request, response, routes, host),
  );
  server.maxConnections = MAX_CONNECTIONS;
  await bind(server, parseListenAddress(listen), takeOver).catch((error: unknown) => {
    throw listenError(listen, error instanceof MeshError ? error.cause : error);
  });
  const { port } = server.address() as AddressInfo;
  return {
    address: `${host}:${port}`,
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  routes: AdminRoutes,
  listenHost: string,
): void {
  const { status, body, contentType } = decide(request, routes, listenHost);
  const isText = typeof body === "string";
  const bytes = Buffer.from(isText ? body : `${JSON.stringify(body, jsonValue, 2)}\n`);
  response.writeHead(status, {
    "content-type": contentType ?? (isText ? "text/plain; charset=utf-8" : "application/json"),
    "content-length": bytes.length,
    "x-content-type-options": "nosniff",
  });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

function decide(request: IncomingMessage, routes: AdminRoutes, listenHost: string): AdminResponse {
  if (!isOwnHost(request.headers.host ?? "", listenHost)) {
    return { status: 403, body: "use this machine's address or localhost as the host name\n" };
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    return { status: 405, body: "this port is for reading: use GET\n" };
  }
  const url = new URL(request.url ?? "/", "http://admin");
  const route = Object.hasOwn(routes, url.pathname) ? routes[url.pathname] : undefined;
  if (route === undefined) {
    return { status: 404, body: `there is no such page; try ${Object.keys(routes).join(" ")}\n` };
  }
  return route({ path: url.pathname, query: new Map(url.searchParams) });
}

function isOwnHost(header: string, listenHost: string): boolean {
  const host = header.replace(/:\d+$/, "").toLowerCase();
  return (
    host === "localhost" || host === listenHost || /^[\d.]+$/.test(host) || /^\[.*\]$/.test(host)
  );
}

/** JSON knows neither Maps nor 64-bit numbers. */
function jsonValue(_key: string, value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value);
  return typeof value === "bigint" ? value.toString() : value;
}

function listenError(listen: string, cause: unknown): MeshError {
  const isInUse = cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE";
  const why = isInUse ? "the port is in use" : String(cause);
  return new MeshError(
    "LISTEN_FAILED",
    `cannot listen on ${listen} for the admin port: ${why}; stop what listens there, or choose another one with --admin`,
    { cause },
  );
}
