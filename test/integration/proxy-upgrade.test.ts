import { request as httpRequest } from "node:http";
import { afterEach, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import {
  closedPort,
  endpointAt,
  sendRaw,
  startProxy,
  startServer,
  type TestProxy,
  type TestProxyOptions,
} from "../support/proxy.ts";

const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function proxyTo(ports: readonly number[], options?: TestProxyOptions): Promise<TestProxy> {
  const endpoints = ports.map((port, index) => endpointAt(`orders-${index}`, port));
  const proxy = await startProxy(endpoints, options);
  cleanups.push(proxy.stop);
  return proxy;
}

/** Sends back what it gets. */
async function echoServer(): Promise<number> {
  const { server, port, stop } = await startServer((_request, response) => response.end("plain"));
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => {
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  cleanups.push(async () => {
    for (const socket of sockets.clients) socket.terminate();
    await stop();
  });
  return port;
}

function open(proxy: TestProxy): WebSocket {
  return new WebSocket(`ws://${proxy.address}/chat`, { headers: { host: "orders.weir" } });
}

function once<T>(socket: WebSocket, event: string): Promise<T> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve);
    if (event !== "error") socket.once("error", reject);
  });
}

test("a WebSocket carries messages both ways and counts as in flight until it closes", async () => {
  const proxy = await proxyTo([await echoServer()]);
  const socket = open(proxy);
  await once(socket, "open");
  const inFlight = () => proxy.service.inFlightOf("orders-0", "orders-0-run");
  expect(inFlight()).toBe(1);
  for (const text of ["short", "x".repeat(200_000)]) {
    const message = once<Buffer>(socket, "message");
    socket.send(text);
    expect((await message).toString()).toBe(text);
  }
  expect(inFlight()).toBe(1);
  const closed = once(socket, "close");
  socket.close();
  await closed;
  await expect.poll(inFlight).toBe(0);
  expect(proxy.path.inFlight).toBe(0);
  expect(proxy.accessLines).toContainEqual(
    expect.objectContaining({ status: 101, path: "/chat", endpoint: "orders-0", flags: "" }),
  );
});

test("a connection that is refused is tried elsewhere", async () => {
  const proxy = await proxyTo([await closedPort(), await echoServer()]);
  for (let i = 0; i < 2; i++) {
    const socket = open(proxy);
    await once(socket, "open");
    socket.terminate();
  }
  expect(proxy.service.stats.retries).toBeGreaterThan(0);
});

test("without an endpoint that accepts it is a 502 with a reason", async () => {
  const proxy = await proxyTo([await closedPort()]);
  const answer = await new Promise<{ status: number; reason: unknown }>((resolve) => {
    open(proxy)
      .on("unexpected-response", (request, response) => {
        const reason = response.headers["x-weir-reason"];
        resolve({ status: response.statusCode ?? 0, reason });
        request.destroy();
      })
      .on("error", () => {});
  });
  expect(answer).toEqual({ status: 502, reason: "UF" });
});

test("an endpoint that declines is heard, and nothing slips through behind", async () => {
  const paths: string[] = [];
  const { port, stop } = await startServer((request, response) => {
    paths.push(request.url ?? "");
    response.writeHead(403, { "x-why": "no" }).end("declined");
  });
  cleanups.push(stop);
  const proxy = await proxyTo([port]);
  const received = await sendRaw(
    proxy.port,
    "GET /chat HTTP/1.1\r\nHost: orders.weir\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" +
      "GET /behind HTTP/1.1\r\nHost: orders.weir\r\n\r\n",
  );
  expect(received).toMatch(/^HTTP\/1\.1 403 /);
  expect(received).toContain("x-why: no");
  expect(received).toContain("connection: close");
  expect(received).toContain("declined");
  expect(paths).toEqual(["/chat"]);
});

test("an offer of HTTP/2 is passed over", async () => {
  const proxy = await proxyTo([await echoServer()]);
  const status = await new Promise((resolve, reject) => {
    const headers = {
      host: "orders.weir",
      connection: "Upgrade, HTTP2-Settings",
      upgrade: "h2c",
      "http2-settings": "AAMAAABkAARAAAAAAAIAAAAA",
    };
    httpRequest({ port: proxy.port, headers }, (response) => resolve(response.statusCode))
      .on("error", reject)
      .end();
  });
  expect(status).toBe(200);
});

test("an endpoint that says nothing is a 504", async () => {
  const { server, port, stop } = await startServer(() => {});
  server.on("upgrade", (_request, socket) => {
    cleanups.push(async () => void socket.destroy());
  });
  cleanups.push(stop);
  const proxy = await proxyTo([port], { settings: { requestTimeoutMs: 50 } });
  const received = await sendRaw(
    proxy.port,
    "GET / HTTP/1.1\r\nHost: orders.weir\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
  );
  expect(received).toMatch(/^HTTP\/1\.1 504 /);
  expect(proxy.path.inFlight).toBe(0);
});

test("the end of an endpoint ends the client's side", async () => {
  const { server, port, stop } = await startServer(() => {});
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => socket.terminate());
  cleanups.push(stop);
  const proxy = await proxyTo([port]);
  const socket = open(proxy);
  await once(socket, "close");
  await expect.poll(() => proxy.path.inFlight).toBe(0);
});
