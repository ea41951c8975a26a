import { request as httpRequest } from "node:http";
import { afterEach, expect, test } from "vitest";
import { ask, echo } from "../support/http-client.ts";
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

async function server(listener: Parameters<typeof startServer>[0]): Promise<number> {
  const started = await startServer(listener);
  cleanups.push(started.stop);
  return started.port;
}

async function proxyTo(ports: readonly number[], options?: TestProxyOptions): Promise<TestProxy> {
  const endpoints = ports.map((port, index) => endpointAt(`orders-${index}`, port));
  const proxy = await startProxy(endpoints, options);
  cleanups.push(proxy.stop);
  return proxy;
}

test("a refused connection is retried elsewhere, for any method", async () => {
  const dead = await closedPort();
  const alive = await server(echo);
  const proxy = await proxyTo([dead, alive]);
  for (let i = 0; i < 4; i++) {
    const { status } = await ask(proxy, { method: "POST", body: "once" });
    expect(status).toBe(200);
  }
  expect(proxy.service.stats.retries).toBeGreaterThan(0);
  expect(proxy.accessLines).toContainEqual(expect.objectContaining({ attempts: 2, flags: "RX" }));
});

test("with retries off a refused connection is a 502 that says what was tried", async () => {
  const dead = await closedPort();
  const proxy = await proxyTo([dead], { settings: { retryAttempts: 0 } });
  const { status, headers, body } = await ask(proxy);
  expect(status).toBe(502);
  expect(headers["x-weir-reason"]).toBe("UF");
  expect(body).toContain(`orders-0 at 127.0.0.1:${dead}`);
  expect(body).toContain("ECONNREFUSED");
  expect(proxy.service.stats.retries).toBe(0);
});

test("all attempts failed: every one is named", async () => {
  const ports = [await closedPort(), await closedPort(), await closedPort()];
  const { status, body } = await ask(await proxyTo(ports));
  expect(status).toBe(502);
  expect(body).toContain("after 3 attempts");
  for (const port of ports) expect(body).toContain(`:${port}`);
});

test.each([
  { method: "GET", status: 200 },
  { method: "PUT", status: 200 },
  { method: "POST", status: 502 },
  { method: "PATCH", status: 502 },
])("$method after a reset is answered $status", async ({ method, status }) => {
  const cutting = await server((request) => request.socket.destroy());
  const proxy = await proxyTo([cutting, await server(echo)]);
  const statuses = [await ask(proxy, { method }), await ask(proxy, { method })].map(
    (answer) => answer.status,
  );
  expect(statuses.sort()).toEqual([200, status]);
});

test("a small response that breaks off is fetched from another endpoint", async () => {
  const breaking = await server((_request, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("only half");
    setImmediate(() => response.destroy());
  });
  const proxy = await proxyTo([breaking, await server(echo)]);
  const answers = [await ask(proxy), await ask(proxy)];
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect(proxy.service.stats.retries).toBeGreaterThan(0);
});

test("a long response that breaks off breaks off for the client too", async () => {
  const breaking = await server((_request, response) => {
    response.writeHead(200, { "content-length": "1000000" });
    response.write("x".repeat(50_000), () => response.destroy());
  });
  const proxy = await proxyTo([breaking]);
  await expect(ask(proxy)).rejects.toThrow("aborted");
  expect(proxy.service.stats).toMatchObject({ failed: 1, retries: 0 });
});

test("an endpoint that does not answer is a 504", async () => {
  const silent = await server(() => {});
  const proxy = await proxyTo([silent], { settings: { requestTimeoutMs: 50 } });
  const { status, headers } = await ask(proxy);
  expect(status).toBe(504);
  expect(headers["x-weir-reason"]).toBe("UT");
  expect(proxy.service.inFlightOf("orders-0", "orders-0-run")).toBe(0);
});

test("an endpoint that does not speak HTTP is a 502", async () => {
  const port = await server((request) => request.socket.end("SSH-2.0-x\r\n"));
  const { status, headers } = await ask(await proxyTo([port]));
  expect(status).toBe(502);
  expect(headers["x-weir-reason"]).toBe("UP");
});

test("a body that does not come is a 408 and not the endpoint's failure", async () => {
  const proxy = await proxyTo([await server(echo)], { settings: { requestTimeoutMs: 50 } });
  const head = "POST / HTTP/1.1\r\nHost: orders.weir\r\nConnection: close\r\n";
  const received = await sendRaw(proxy.port, `${head}Content-Length: 10\r\n\r\nhalf`);
  expect(received).toMatch(/^HTTP\/1\.1 408 /);
  expect(proxy.service.stats).toMatchObject({ failed: 0, cancelled: 1 });
});

test("more requests in flight than allowed are a 503", async () => {
  let release = (): void => {};
  const arrived = new Promise<void>((resolve) => {
    release = resolve;
  });
  const waiting: (() => void)[] = [];
  const port = await server((_request, response) => {
    waiting.push(() => response.end("late"));
    release();
  });
  const proxy = await proxyTo([port], { maxInFlight: 1 });
  const first = ask(proxy);
  await arrived;
  const second = await ask(proxy);
  expect(second.status).toBe(503);
  expect(second.headers["x-weir-reason"]).toBe("UO");
  for (const answer of waiting) answer();
  expect((await first).body).toBe("late");
  expect(proxy.path.inFlight).toBe(0);
});

test("a client that leaves takes its request along", async () => {
  let closed = (): void => {};
  const upstreamClosed = new Promise<void>((resolve) => {
    closed = resolve;
  });
  let arrive = (): void => {};
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const port = await server((request, response) => {
    response.on("close", closed);
    request.resume();
    arrive();
  });
  const proxy = await proxyTo([port]);
  const request = httpRequest({ port: proxy.port, headers: { host: "orders.weir" } });
  request.on("error", () => {});
  request.end();
  await arrived;
  request.destroy();
  await upstreamClosed;
  expect(proxy.service.stats).toMatchObject({ cancelled: 1, failed: 0 });
  expect(proxy.accessLines).toContainEqual(expect.objectContaining({ flags: "DC", status: 0 }));
});
