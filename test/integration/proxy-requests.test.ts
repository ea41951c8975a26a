import { createServer, request as httpRequest } from "node:http";
import { afterEach, expect, test } from "vitest";
import { ask, echo } from "../support/http-client.ts";
import {
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

test("a request reaches its service, with what tells where it came from", async () => {
  const proxy = await proxyTo([await server(echo)]);
  const { status, body } = await ask(proxy, { path: "/a?b=c", headers: { accept: "text/x" } });
  expect(status).toBe(200);
  expect(JSON.parse(body)).toMatchObject({
    method: "GET",
    url: "/a?b=c",
    headers: {
      host: "orders.weir",
      accept: "text/x",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-host": "orders.weir",
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/),
    },
  });
});

test("forwarding headers are continued, hop-by-hop headers end", async () => {
  const proxy = await proxyTo([await server(echo)]);
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
  const { body } = await ask(proxy, {
    headers: {
      "x-forwarded-for": "10.1.1.1",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "shop.example",
      traceparent,
      tracestate: "a=b",
      connection: "x-private, close",
      "x-private": "1",
      "proxy-authorization": "secret",
      te: "trailers",
      "keep-alive": "timeout=5",
    },
  });
  const { headers } = JSON.parse(body);
  expect(headers).toMatchObject({
    "x-forwarded-for": "10.1.1.1, 127.0.0.1",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "shop.example",
    traceparent,
    tracestate: "a=b",
  });
  for (const name of ["x-private", "proxy-authorization", "te", "keep-alive"]) {
    expect(headers).not.toHaveProperty(name);
  }
});

test("hop-by-hop headers of a response end at the proxy, repeated ones stay", async () => {
  const port = await server((_request, response) => {
    response.writeHead(200, [
      ["Set-Cookie", "a=1"],
      ["Set-Cookie", "b=2"],
      ["Connection", "x-private, keep-alive"],
      ["X-Private", "1"],
      ["Proxy-Authenticate", "Basic"],
      ["X-Kept", "yes"],
    ]);
    response.end("ok");
  });
  const { headers } = await ask(await proxyTo([port]));
  expect(headers["set-cookie"]).toEqual(["a=1", "b=2"]);
  expect(headers["x-kept"]).toBe("yes");
  expect(headers).not.toHaveProperty("x-private");
  expect(headers).not.toHaveProperty("proxy-authenticate");
});

test.each([
  { method: "POST", body: "small" },
  { method: "PUT", body: "x".repeat(300_000) },
  { method: "PATCH", body: "" },
  { method: "DELETE", body: "with a body" },
  { method: "GET", body: "with a body" },
])("$method carries its body", async ({ method, body }) => {
  const proxy = await proxyTo([await server(echo)]);
  const headers = { "content-length": String(body.length) };
  const answer = await ask(proxy, { method, body, headers });
  expect(JSON.parse(answer.body)).toMatchObject({ method, body });
});

test("a small response may hold any bytes", async () => {
  const bytes = Buffer.from(Array.from({ length: 1_024 }, (_, i) => i & 255));
  const port = await server((_request, response) => response.end(bytes));
  const proxy = await proxyTo([port]);
  const received = await sendRaw(
    proxy.port,
    "GET / HTTP/1.1\r\nHost: orders.weir\r\nConnection: close\r\n\r\n",
  );
  expect(received.slice(received.indexOf("\r\n\r\n") + 4)).toBe(bytes.toString("latin1"));
  expect(received).toContain("content-length: 1024");
});

test("a chunked request stays one request", async () => {
  const proxy = await proxyTo([await server(echo)]);
  const headers = { "transfer-encoding": "chunked" };
  const answer = await ask(proxy, { method: "POST", body: "in chunks", headers });
  expect(JSON.parse(answer.body)).toMatchObject({ body: "in chunks" });
});

test("HEAD, 204 and 304 have no body and keep the connection usable", async () => {
  const port = await server((request, response) => {
    if (request.url === "/204") response.writeHead(204).end();
    else if (request.url === "/304") response.writeHead(304, { etag: '"x"' }).end();
    else response.writeHead(200, { "content-length": "1000" }).end("x".repeat(1_000));
  });
  const proxy = await proxyTo([port]);
  const line = (method: string, path: string, rest = "") =>
    `${method} ${path} HTTP/1.1\r\nHost: orders.weir\r\n${rest}\r\n`;
  const received = await sendRaw(
    proxy.port,
    line("HEAD", "/") +
      line("GET", "/204") +
      line("GET", "/304") +
      line("HEAD", "/", "Connection: close\r\n"),
  );
  expect(received.match(/HTTP\/1\.1 \d{3}/g)).toEqual([
    "HTTP/1.1 200",
    "HTTP/1.1 204",
    "HTTP/1.1 304",
    "HTTP/1.1 200",
  ]);
  expect(received).not.toContain("xxx");
  expect(received.match(/content-length: 1000/g)).toHaveLength(2);
});

test("an absolute-form target goes by its own host, as http_proxy clients send it", async () => {
  const proxy = await proxyTo([await server(echo)]);
  const path = "http://orders.weir/x?y";
  const { body } = await ask(proxy, { path, headers: { host: "elsewhere.weir" } });
  expect(JSON.parse(body)).toMatchObject({ url: "/x?y", headers: { host: "orders.weir" } });
});

test("a path prefix leads to a service", async () => {
  const route = { pathPrefix: "/api", namespace: "default", service: "orders", stripPrefix: true };
  const proxy = await proxyTo([await server(echo)], { routes: [route] });
  const { body } = await ask(proxy, { path: "/api/x", headers: { host: "localhost" } });
  expect(JSON.parse(body)).toMatchObject({ url: "/x", headers: { host: "localhost" } });
});

test("each request is balanced", async () => {
  const ports = await Promise.all(
    ["a", "b", "c"].map((name) => server((_request, response) => response.end(name))),
  );
  const proxy = await proxyTo(ports);
  const bodies: string[] = [];
  for (let i = 0; i < 6; i++) bodies.push((await ask(proxy)).body);
  expect(bodies.sort().join("")).toBe("aabbcc");
});

test("Expect: 100-continue is answered when the body is wanted", async () => {
  const proxy = await proxyTo([await server(echo)]);
  const answer = await new Promise<string>((resolve, reject) => {
    const request = httpRequest({
      port: proxy.port,
      method: "POST",
      headers: { host: "orders.weir", expect: "100-continue", "content-length": "5" },
    });
    request.on("error", reject);
    request.on("continue", () => request.end("hello"));
    request.on("response", (response) => {
      response.setEncoding("utf8").on("data", resolve);
    });
    request.flushHeaders();
  });
  expect(JSON.parse(answer)).toMatchObject({ body: "hello" });
});

test("Expect: 100-continue to a service that is not known is refused without the body", async () => {
  const proxy = await proxyTo([]);
  const received = await sendRaw(
    proxy.port,
    "POST / HTTP/1.1\r\nHost: nobody.weir\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
  );
  expect(received).toMatch(/^HTTP\/1\.1 404 /);
  expect(received.toLowerCase()).toContain("connection: close");
});

test.each([
  { host: "nobody.weir", status: 404, reason: "NR", text: "weir register nobody" },
  { host: "example.com", status: 404, reason: "NR", text: "pathPrefix" },
  { host: "orders.weir", status: 503, reason: "UH", text: "default/orders has no endpoints" },
])("$host without endpoints is answered $status with the way out", async (expected) => {
  const proxy = await proxyTo([]);
  const { status, headers, body } = await ask(proxy, { headers: { host: expected.host } });
  expect(status).toBe(expected.status);
  expect(headers["x-weir-reason"]).toBe(expected.reason);
  expect(body).toContain(expected.text);
});

test("a unix socket can be an endpoint", async () => {
  const socketPath = `/tmp/weir-proxy-${process.pid}.sock`;
  const unix = createServer(echo);
  await new Promise<void>((resolve) => unix.listen(socketPath, resolve));
  cleanups.push(() => new Promise((resolve) => unix.close(() => resolve())));
  const proxy = await startProxy([endpointAt("u", 0, { kind: "unix", value: socketPath })]);
  cleanups.push(proxy.stop);
  expect((await ask(proxy)).status).toBe(200);
});

test("a host name can be an endpoint", async () => {
  const port = await server(echo);
  const proxy = await startProxy([endpointAt("h", port, { kind: "hostname", value: "localhost" })]);
  cleanups.push(proxy.stop);
  expect((await ask(proxy)).status).toBe(200);
});

test("retiring an endpoint finishes its request and closes what is idle", async () => {
  let finish = (): void => {};
  const arrived = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const waiting: (() => void)[] = [];
  const started = await startServer((request, response) => {
    if (request.url === "/fast") {
      response.end("fast");
      return;
    }
    waiting.push(() => response.end("slow"));
    finish();
  });
  cleanups.push(started.stop);
  const proxy = await proxyTo([started.port]);
  await ask(proxy, { path: "/fast" });
  const slow = ask(proxy, { path: "/slow" });
  await arrived;
  proxy.retire("orders-0");
  expect(proxy.pools.size).toBe(0);
  for (const answer of waiting) answer();
  expect((await slow).body).toBe("slow");
  // Without the proxy's connections the server can close by itself.
  await new Promise<void>((resolve) => started.server.close(() => resolve()));
  expect((await ask(proxy)).status).toBe(502);
});
