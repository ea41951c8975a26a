import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { AdminRequest, AdminResponse, AdminRoutes } from "../../ports/admin-http.ts";
import type { ListenerSecurity } from "../../ports/listener-security.ts";
import { BEARER_CHALLENGE, showsToken } from "./bearer.ts";
import { bind } from "./bind.ts";
import { parseListenAddress } from "./listen-address.ts";
import { followCertificates, tlsOptions } from "./tls-options.ts";

/** Nothing that is read here takes longer; slower peers hold sockets for nothing. */
const REQUEST_TIMEOUT_MS = 5_000;

/** Metrics and probes need few; more are a mistake or an attack. */
const MAX_CONNECTIONS = 256;

/** Probes come from orchestrators that hold no token, and learn only whether this process is well. */
const OPEN_PATHS: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/ready"]);

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
 * @param options `takeOver` shares the port with the process that holds it; `security` says how
 *   callers are known, and without it the port speaks plaintext to everybody.
 * @throws MeshError LISTEN_FAILED that says what to do.
 */
export async function startAdmin(
  listen: string,
  routes: AdminRoutes,
  { takeOver = false, security = {} }: AdminOptions = {},
): Promise<RunningAdmin> {
  const colon = listen.lastIndexOf(":");
  const host = listen.slice(0, colon);
  const server = newServer(security, (request, response) => {
    const refusal = refusalOf(request, host, security);
    respond(request, response, refusal ?? decide(request, routes));
  });
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

export interface AdminOptions {
  readonly takeOver?: boolean;
  readonly security?: ListenerSecurity;
}

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

function newServer({ certificates }: ListenerSecurity, listener: Listener): Server {
  const limits = { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS };
  if (certificates === undefined) return createServer(limits, listener);
  const server = createTlsServer({ ...limits, ...tlsOptions(certificates) }, listener);
  followCertificates(server, certificates);
  return server;
}

function respond(
  request: IncomingMessage,
  response: ServerResponse,
  { status, body, contentType }: AdminResponse,
): void {
  const isText = typeof body === "string";
  const bytes = Buffer.from(isText ? body : `${JSON.stringify(body, jsonValue, 2)}\n`);
  response.writeHead(status, {
    "content-type": contentType ?? (isText ? "text/plain; charset=utf-8" : "application/json"),
    "content-length": bytes.length,
    "x-content-type-options": "nosniff",
    ...(status === 401 ? { "www-authenticate": BEARER_CHALLENGE } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

function refusalOf(
  request: IncomingMessage,
  listenHost: string,
  { certificates, tokens }: ListenerSecurity,
): AdminResponse | undefined {
  // A web page cannot rebind its name to a port whose certificate is for another one.
  if (certificates === undefined && !isOwnHost(request.headers.host ?? "", listenHost)) {
    return { status: 403, body: "use this machine's address or localhost as the host name\n" };
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    return { status: 405, body: "this port is for reading: use GET\n" };
  }
  if (tokens === undefined || OPEN_PATHS.has(targetOf(request).path)) return undefined;
  if (showsToken(request.headers.authorization, tokens)) return undefined;
  const which = request.headers.authorization === undefined ? "a" : "another";
  const body = `give ${which} token that this program's --token-file accepts: Authorization: Bearer TOKEN\n`;
  return { status: 401, body };
}

/** Cut by hand: what strangers send is not always a URL, and parsing it as one would throw. */
function targetOf({ url = "/" }: IncomingMessage): AdminRequest {
  const mark = url.indexOf("?");
  const path = mark < 0 ? url : url.slice(0, mark);
  return { path, query: new Map(new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1))) };
}

function decide(request: IncomingMessage, routes: AdminRoutes): AdminResponse {
  const target = targetOf(request);
  const route = Object.hasOwn(routes, target.path) ? routes[target.path] : undefined;
  if (route === undefined) {
    return { status: 404, body: `there is no such page; try ${Object.keys(routes).join(" ")}\n` };
  }
  return route(target);
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
