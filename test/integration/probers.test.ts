import { createServer as createHttpServer, type RequestListener } from "node:http";
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from "node:net";
import { Server as GrpcServer, ServerCredentials, status } from "@grpc/grpc-js";
import { afterEach, describe, expect, test } from "vitest";
import {
  HealthCheckResponse_ServingStatus,
  HealthService,
} from "../../src/gen/grpc/health/v1/health.ts";
import { grpcProber } from "../../src/io/grpc/grpc-prober.ts";
import { httpProber } from "../../src/io/probe/http-prober.ts";
import { tcpProber } from "../../src/io/probe/tcp-prober.ts";
import type { ProbeResult } from "../../src/ports/prober.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Long enough for a busy machine: a test that reaches it fails by its own assertion. */
const PATIENT_MS = 10_000;
/** For targets that never answer. */
const BRIEF_MS = 50;

const host = "127.0.0.1";
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** Listens on a free port and remembers who is connected. */
async function listen(server: Server): Promise<{ port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  closers.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

/** Accepts, reads and never answers; without reading it would not notice that a client hung up. */
function silentServer(): Server {
  return createTcpServer((socket) => socket.resume());
}

/** A port on which nothing listens: one that was ours a moment ago. */
async function closedPort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function never(): AbortSignal {
  return new AbortController().signal;
}

type AskPort = (port: number, timeoutMs: number, signal: AbortSignal) => Promise<ProbeResult>;

/** The three probers, each asked about a port. */
const askPort: Readonly<Record<string, AskPort>> = {
  http: (port, timeoutMs, signal) =>
    httpProber.probe({ kind: "http", host, port, path: "/healthz" }, timeoutMs, signal),
  tcp: (port, timeoutMs, signal) => tcpProber.probe({ kind: "tcp", host, port }, timeoutMs, signal),
  grpc: (port, timeoutMs, signal) =>
    grpcProber.probe({ kind: "grpc", host, port, service: "" }, timeoutMs, signal),
};

describe.each(Object.entries(askPort))("%s prober", (_kind, ask) => {
  test("reports a port on which nothing listens", async () => {
    const result = await ask(await closedPort(), PATIENT_MS, never());
    expect(result.ok).toBe(false);
    expect(result.detail).toMatch(/refused/i);
    expect(result.isRefused).toBe(true);
  });

  test("reports a port that cannot exist instead of throwing", async () => {
    const result = await ask(70_000, 1_000, never());
    expect(result.ok).toBe(false);
    expect(result.isRefused).toBeUndefined();
  });

  test("ends at once when it was cancelled before it began", async () => {
    const result = await ask(await closedPort(), PATIENT_MS, AbortSignal.abort());
    expect(result).toEqual({ ok: false, detail: "the probe was cancelled" });
  });
});

describe.each(Object.entries(askPort).filter(([kind]) => kind !== "tcp"))(
  "%s prober of a server that accepts and says nothing",
  (_kind, ask) => {
    test("ends by the timeout and closes its connection", async () => {
      const { port, sockets } = await listen(silentServer());
      const result = await ask(port, BRIEF_MS, never());
      expect(result).toEqual({ ok: false, detail: `no answer within ${BRIEF_MS} ms` });
      await waitUntil("the probe hung up", PATIENT_MS, () => sockets.size === 0);
    });

    test("ends when it is cancelled and closes its connection", async () => {
      const { port, sockets } = await listen(silentServer());
      const abort = new AbortController();
      const pending = ask(port, PATIENT_MS, abort.signal);
      await waitUntil("the probe connected", PATIENT_MS, () => sockets.size === 1);
      abort.abort();
      expect(await pending).toEqual({ ok: false, detail: "the probe was cancelled" });
      await waitUntil("the probe hung up", PATIENT_MS, () => sockets.size === 0);
    });
  },
);

describe("http prober", () => {
  async function answered(listener: RequestListener, path = "/healthz"): Promise<ProbeResult> {
    const { port, sockets } = await listen(createHttpServer(listener));
    const result = await httpProber.probe({ kind: "http", host, port, path }, PATIENT_MS, never());
    await waitUntil("the probe hung up", PATIENT_MS, () => sockets.size === 0);
    return result;
  }

  test.each([
    { code: 200, ok: true },
    { code: 204, ok: true },
    { code: 302, ok: true },
    { code: 404, ok: false },
    { code: 500, ok: false },
    { code: 503, ok: false },
  ])("$code is healthy: $ok", async ({ code, ok }) => {
    const result = await answered((_request, response) => response.writeHead(code).end());
    expect(result).toEqual({ ok, detail: `GET /healthz answered ${code}` });
  });

  test("asks for the path it was told, and does not wait for the body", async () => {
    const paths: unknown[] = [];
    const result = await answered((request, response) => {
      paths.push(request.url);
      response.writeHead(200);
      response.write("never ends");
    }, "/ready?full=1");
    expect(result.ok).toBe(true);
    expect(paths).toEqual(["/ready?full=1"]);
  });

  test("reports a path that cannot be sent", async () => {
    expect((await answered((_request, response) => response.end(), "/a b")).ok).toBe(false);
  });

  test("reports a connection that is dropped", async () => {
    const result = await answered((request) => request.socket.destroy());
    expect(result.ok).toBe(false);
  });
});

test("tcp prober takes an accepted connection as healthy and closes it", async () => {
  const { port, sockets } = await listen(silentServer());
  const result = await tcpProber.probe({ kind: "tcp", host, port }, PATIENT_MS, never());
  expect(result).toEqual({ ok: true, detail: "connection accepted" });
  await waitUntil("the probe hung up", PATIENT_MS, () => sockets.size === 0);
});

describe("grpc prober", () => {
  /** A health service that knows `orders` (serving) and `carts` (not). */
  async function startHealthServer(isImplemented: boolean): Promise<number> {
    const server = new GrpcServer();
    if (isImplemented) {
      server.addService(HealthService, {
        check(
          { request }: { request: { service: string } },
          reply: (error: object | null, response?: object) => void,
        ) {
          const { SERVING, NOT_SERVING } = HealthCheckResponse_ServingStatus;
          if (request.service === "orders") reply(null, { status: SERVING });
          else if (request.service === "carts") reply(null, { status: NOT_SERVING });
          else reply({ code: status.NOT_FOUND, details: "unknown" });
        },
      });
    }
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`${host}:0`, ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    closers.push(async () => server.forceShutdown());
    return port;
  }

  test.each([
    { service: "orders", isImplemented: true, ok: true, detail: /SERVING$/ },
    { service: "carts", isImplemented: true, ok: false, detail: /NOT_SERVING$/ },
    { service: "none", isImplemented: true, ok: false, detail: /does not know .*"none"/ },
    { service: "", isImplemented: false, ok: false, detail: /does not implement/ },
  ])('"$service", implemented $isImplemented: healthy $ok', async (expected) => {
    const port = await startHealthServer(expected.isImplemented);
    const { service } = expected;
    const result = await grpcProber.probe(
      { kind: "grpc", host, port, service },
      PATIENT_MS,
      never(),
    );
    expect(result.detail).toMatch(expected.detail);
    expect(result.ok).toBe(expected.ok);
  });

  test("says so when an HTTP/1 server listens there", async () => {
    const { port } = await listen(createHttpServer((_request, response) => response.end("hello")));
    const target = { kind: "grpc", host, port, service: "" } as const;
    expect((await grpcProber.probe(target, PATIENT_MS, never())).ok).toBe(false);
  });
});
