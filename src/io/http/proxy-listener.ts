import {
  createServer,
  IncomingMessage,
  type Server,
  type ServerOptions,
  ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, Server as NetServer, type Socket } from "node:net";
import type { Random } from "../../core/model/random.ts";
import { requestTarget } from "../../core/routing/request-target.ts";
import type { BearerTokens } from "../../ports/bearer-tokens.ts";
import type { ExchangeHandler } from "../../ports/exchange.ts";
import type { ListenerSecurity } from "../../ports/listener-security.ts";
import { PROXY_CHALLENGE, showsProxyToken } from "./bearer.ts";
import { bind } from "./bind.ts";
import { HttpExchange } from "./http-exchange.ts";
import { parseListenAddress } from "./listen-address.ts";
import type { ProxyContext } from "./proxy-context.ts";
import { rawRejection, rejectionBody, rejectionHeaders } from "./rejection.ts";
import { RequestHead } from "./request-head.ts";
import { followCertificates, tlsOptions } from "./tls-options.ts";
import { UpgradeExchange } from "./upgrade-exchange.ts";
import type { UpstreamPools } from "./upstream-pools.ts";

/** Limits of a listener. */
export interface ProxyListenerOptions {
  readonly handler: ExchangeHandler;
  readonly pools: UpstreamPools;
  /** For trace ids: they need not be secret. */
  readonly random?: Random;
  /** A head takes one round trip; who needs longer holds a connection open for nothing. */
  readonly headersTimeoutMs?: number;
  /** For a whole request: long enough for any upload, short enough that a dribble ends. */
  readonly requestTimeoutMs?: number;
  /** Silence in both directions. Source: Envoy's default stream idle timeout. */
  readonly idleTimeoutMs?: number;
  /** How callers are known; plaintext for everybody without it. */
  readonly security?: ListenerSecurity;
}

const DEFAULT_HEADERS_TIMEOUT_MS = 15_000;
const DEFAULT_REQUEST_TIMEOUT_MS = 3_600_000;
const DEFAULT_IDLE_TIMEOUT_MS = 300_000;

/** Between requests; longer than clients keep theirs, so that they close first. Source: nginx. */
const KEEP_ALIVE_MS = 75_000;

/** Room for cookies and tokens; nginx's default, four buffers of 8 KiB. */
const MAX_HEADER_BYTES = 32 * 1024;

/** How late a header timeout may be noticed. */
const TIMEOUT_CHECK_INTERVAL_MS = 2_000;

/** Accepts HTTP/1.1 from clients and hands each request to the request path. */
export class ProxyListener {
  readonly #context: ProxyContext;
  readonly #handler: ExchangeHandler;
  readonly #server: ProxyServer;
  readonly #tokens: BearerTokens | undefined;
  /** Connections that speak another protocol by now: the HTTP server does not know them. */
  readonly #upgraded = new Set<Socket>();

  constructor(options: ProxyListenerOptions) {
    const { handler, pools, random = Math.random, security = {} } = options;
    this.#handler = handler;
    this.#tokens = security.tokens;
    const scheme = security.certificates === undefined ? "http" : "https";
    this.#context = { pools, random, scheme, isStopping: false };
    this.#server = newServer(security, {
      insecureHTTPParser: false,
      // Refused here, with a reason.
      requireHostHeader: false,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: options.headersTimeoutMs ?? DEFAULT_HEADERS_TIMEOUT_MS,
      requestTimeout: options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      noDelay: true,
      // Most requests have no body, and then nobody needs a stream that ends.
      optimizeEmptyRequests: true,
      IncomingMessage,
      ServerResponse: ProxyResponse,
      // HTTP/2 is offered by clients that are content without it.
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() !== "h2c",
    });
    // The size of the head limits them; a count would drop some silently.
    this.#server.maxHeadersCount = 0;
    this.#server.timeout = options.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS;
    this.#server.on("request", (request, response) => this.#accept(request, response));
    this.#server.on("checkContinue", (request, response) => this.#accept(request, response));
    this.#server.on("upgrade", (request, socket, early) => {
      this.#acceptUpgrade(request, socket as Socket, early);
    });
    this.#server.on("connect", (_request, socket) => refuseConnect(socket as Socket));
    this.#server.on("clientError", (error, socket) => refuseGarbage(error, socket as Socket));
  }

  /**
   * @param address `127.0.0.1:15001`; port 0 lets the system choose.
   * @returns the address with the port that was bound.
   * @throws MeshError when it cannot be bound.
   */
  async listen(address: string, { takeOver = false } = {}): Promise<string> {
    await bind(this.#server, parseListenAddress(address), takeOver);
    const bound = this.#server.address() as AddressInfo;
    const host = bound.family === "IPv6" ? `[${bound.address}]` : bound.address;
    return `${host}:${bound.port}`;
  }

  /**
   * Stops accepting at once, and answers what comes on open connections with a request to close
   * them: a client loses nothing, also one that is about to send. Resolves when all are closed.
   *
   * @param graceMs after it everything that is still open is cut.
   * @param idleGraceMs after it connections without a request are closed: less than `graceMs`
   *   when no successor serves the port.
   */
  async stop(graceMs: number, idleGraceMs = graceMs): Promise<void> {
    this.#context.isStopping = true;
    const idle = setTimeout(() => this.#server.closeIdleConnections(), idleGraceMs);
    const cut = setTimeout(() => this.#cut(), graceMs);
    // http.Server's own close would cut keep-alive connections between two requests.
    await new Promise<void>((resolve) => {
      NetServer.prototype.close.call(this.#server, () => resolve());
    });
    clearTimeout(idle);
    clearTimeout(cut);
    // Ends the checks for timeouts; everything else is closed.
    this.#server.close();
  }

  #isKnown({ headers }: IncomingMessage): boolean {
    return (
      this.#tokens === undefined || showsProxyToken(headers["proxy-authorization"], this.#tokens)
    );
  }

  #cut(): void {
    this.#server.closeAllConnections();
    for (const socket of this.#upgraded) socket.destroy();
  }

  #accept(request: IncomingMessage, response: ProxyResponse): void {
    const head = new RequestHead(request.rawHeaders);
    const target = requestTarget(request.url ?? "", head.host);
    const fault = faultOf(request, head);
    if (fault !== "" || typeof target === "string") {
      refuse(response, fault === "" ? String(target) : fault);
      return;
    }
    if (!this.#isKnown(request)) {
      refuseStranger(response);
      return;
    }
    const { host, path } = target;
    const exchange = new HttpExchange(this.#context, request, response, head, host, path);
    response.exchange = exchange;
    response.on("close", onResponseClose);
    this.#handler.handle(exchange);
  }

  #acceptUpgrade(request: IncomingMessage, socket: Socket, early: Buffer): void {
    this.#upgraded.add(socket);
    socket.on("close", () => this.#upgraded.delete(socket));
    // Its close says everything; an error without a listener would end the process.
    socket.on("error", () => socket.destroy());
    const head = new RequestHead(request.rawHeaders);
    const target = requestTarget(request.url ?? "", head.host);
    const hasBody = head.isChunked || head.contentLength > 0;
    const fault = hasBody ? "a request to upgrade cannot have a body" : faultOf(request, head);
    if (fault !== "" || typeof target === "string") {
      const message = fault === "" ? String(target) : fault;
      socket.end(rawRejection(400, "BR", `Bad request: ${message}.`));
      return;
    }
    if (!this.#isKnown(request)) {
      socket.end(rawRejection(407, "BR", NO_TOKEN, PROXY_CHALLENGE_HEADER));
      return;
    }
    const { host, path } = target;
    this.#handler.handle(
      new UpgradeExchange(this.#context, request, socket, early, head, host, path),
    );
  }
}

type ProxyServer = Server<typeof IncomingMessage, typeof ProxyResponse>;

type ProxyServerOptions = ServerOptions<typeof IncomingMessage, typeof ProxyResponse>;

function newServer({ certificates }: ListenerSecurity, options: ProxyServerOptions): ProxyServer {
  if (certificates === undefined) return createServer(options);
  const server = createTlsServer({ ...options, ...tlsOptions(certificates) });
  followCertificates(server, certificates);
  return server;
}

/** Knows its exchange, so that its close needs no closure. */
class ProxyResponse extends ServerResponse {
  exchange: HttpExchange | undefined;
}

function onResponseClose(this: ProxyResponse): void {
  this.exchange?.responseClosed();
}

function faultOf(request: IncomingMessage, head: RequestHead): string {
  if (head.fault !== "") return head.fault;
  const isOld = request.httpVersion !== "1.1";
  if (head.host === "" && !isOld) return "an HTTP/1.1 request needs a Host header";
  // Who speaks 1.0 and chunks is read differently by different servers. Source: RFC 9112, 6.1.
  if (head.isChunked && isOld) return "Transfer-Encoding needs HTTP/1.1";
  return "";
}

function refuse(response: ServerResponse, fault: string): void {
  const body = rejectionBody(`Bad request: ${fault}.`);
  response.shouldKeepAlive = false;
  response.writeHead(400, rejectionHeaders("BR", body));
  response.end(body);
}

const NO_TOKEN =
  "This agent asks for a token that its --token-file accepts: send Proxy-Authorization: Bearer TOKEN, or set http_proxy=http://weir:TOKEN@HOST:PORT.";

const PROXY_CHALLENGE_HEADER = ["proxy-authenticate", PROXY_CHALLENGE];

function refuseStranger(response: ServerResponse): void {
  const body = rejectionBody(NO_TOKEN);
  // What it sends after the head is not read.
  response.shouldKeepAlive = false;
  response.writeHead(407, [...rejectionHeaders("BR", body), ...PROXY_CHALLENGE_HEADER]);
  response.end(body);
}

function refuseConnect(socket: Socket): void {
  socket.on("error", () => socket.destroy());
  socket.end(
    rawRejection(
      405,
      "BR",
      "CONNECT is not supported: services are reached by plain HTTP, for example http://orders.weir/ with this agent as http_proxy.",
    ),
  );
}

/** For bytes that are no request; its sender may be anything, so the connection ends. */
function refuseGarbage(error: NodeJS.ErrnoException, socket: Socket): void {
  // Behind a response that has begun, an answer of ours would become part of it.
  // A handshake that failed leaves nothing to write to.
  const isTlsError = /^ERR_(SSL|TLS)_/.test(error.code ?? "");
  if (!socket.writable || error.code === "ECONNRESET" || isTlsError || isResponding(socket)) {
    socket.destroy(error);
    return;
  }
  socket.end(garbageAnswer(error));
}

function garbageAnswer(error: NodeJS.ErrnoException): Buffer {
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW":
      return rawRejection(
        431,
        "BR",
        `The request's head is larger than ${MAX_HEADER_BYTES} bytes.`,
      );
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return rawRejection(413, "BR", "The request's chunk extensions are too large.");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return rawRejection(408, "DT", "The request did not arrive in time.");
    default:
      return rawRejection(400, "BR", `Bad request: ${error.message}.`);
  }
}

/** Node keeps a connection's current response here, and looks at it for the same purpose. */
function isResponding(socket: Socket): boolean {
  const current: unknown = Reflect.get(socket, "_httpMessage");
  return current instanceof ServerResponse && current.headersSent;
}
