import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { endpointAt, sendRaw, startProxy, startServer, type TestProxy } from "../support/proxy.ts";

/** What an endpoint was asked, in order: a smuggled request would appear here. */
const asked: string[] = [];
let proxy: TestProxy;
let stopServer: () => Promise<void>;

beforeAll(async () => {
  const server = await startServer((request, response) => {
    let body = "";
    request.setEncoding("latin1").on("data", (text) => {
      body += text;
    });
    request.on("end", () => {
      asked.push(`${request.method} ${request.url} ${body}`);
      response.end("from the endpoint");
    });
  });
  stopServer = server.stop;
  proxy = await startProxy([endpointAt("orders-0", server.port)]);
});

afterAll(async () => {
  await proxy.stop();
  await stopServer();
});

beforeEach(() => {
  asked.length = 0;
});

const POST = "POST /outer HTTP/1.1\r\nHost: orders.weir\r\n";
const INNER = "GET /smuggled HTTP/1.1\r\nHost: orders.weir\r\n\r\n";

test.each([
  {
    attack: "CL.TE: both lengths, chunked wins in some servers",
    bytes: `${POST}Content-Length: 50\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${INNER}`,
  },
  {
    attack: "TE.CL: both lengths in the other order",
    bytes: `${POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n2f\r\n${INNER}\r\n0\r\n\r\n`,
  },
  {
    attack: "two lengths that differ",
    bytes: `${POST}Content-Length: 0\r\nContent-Length: 47\r\n\r\n${INNER}`,
  },
  {
    attack: "the same length twice",
    bytes: `${POST}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`,
  },
  { attack: "a list of lengths", bytes: `${POST}Content-Length: 0, 47\r\n\r\n${INNER}` },
  { attack: "a signed length", bytes: `${POST}Content-Length: +0\r\n\r\n${INNER}` },
  { attack: "a negative length", bytes: `${POST}Content-Length: -1\r\n\r\n${INNER}` },
  { attack: "a hexadecimal length", bytes: `${POST}Content-Length: 0x0\r\n\r\n${INNER}` },
  {
    attack: "a length beyond 64 bits",
    bytes: `${POST}Content-Length: 18446744073709551616\r\n\r\n${INNER}`,
  },
  {
    attack: "chunked is not the last coding",
    bytes: `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${INNER}`,
  },
  {
    attack: "an unknown coding",
    bytes: `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${INNER}`,
  },
  {
    attack: "a coding hidden behind a vertical tab",
    bytes: `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n${INNER}`,
  },
  {
    attack: "space before the colon",
    bytes: `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${INNER}`,
  },
  {
    attack: "obs-fold",
    bytes: `${POST}Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
  },
  { attack: "bare LF", bytes: "GET /outer HTTP/1.1\nHost: orders.weir\n\n" },
  { attack: "bare LF in a header", bytes: `${POST}X: y\nContent-Length: 47\r\n\r\n${INNER}` },
  { attack: "bare CR in a header", bytes: `${POST}X: y\rContent-Length: 47\r\n\r\n${INNER}` },
  { attack: "a zero byte in a header", bytes: `${POST}X: a\0b\r\nContent-Length: 0\r\n\r\n` },
  {
    attack: "a chunk size that is no number",
    bytes: `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n${INNER}`,
  },
  {
    attack: "a chunk longer than it says",
    bytes: `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n${INNER}`,
  },
  {
    attack: "a chunk that ends with bare LF",
    bytes: `${POST}Transfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n${INNER}`,
  },
  {
    attack: "chunks in HTTP/1.0",
    bytes: `POST /outer HTTP/1.0\r\nHost: orders.weir\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${INNER}`,
  },
  {
    attack: "two hosts",
    bytes: "GET /outer HTTP/1.1\r\nHost: orders.weir\r\nHost: other.weir\r\n\r\n",
  },
  { attack: "no host", bytes: "GET /outer HTTP/1.1\r\n\r\n" },
  { attack: "a host that is none", bytes: "GET /outer HTTP/1.1\r\nHost: a b\r\n\r\n" },
  { attack: "a target that is none", bytes: "GET outer HTTP/1.1\r\nHost: orders.weir\r\n\r\n" },
  { attack: "an unknown method", bytes: "BREW / HTTP/1.1\r\nHost: orders.weir\r\n\r\n" },
  { attack: "HTTP/2's preface", bytes: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
  { attack: "a TLS hello", bytes: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" },
  {
    attack: "an upgrade with a body",
    bytes: `${POST}Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 47\r\n\r\n${INNER}`,
  },
])("$attack is refused and the connection ends", async ({ bytes }) => {
  const received = await sendRaw(proxy.port, Buffer.from(bytes, "latin1"));
  expect(received).toMatch(/^HTTP\/1\.1 400 /);
  expect(received).toContain("x-weir-reason: BR");
  // One answer: nothing behind the refused request was taken for another.
  expect(received.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
  expect(asked.filter((line) => line.includes("smuggled"))).toEqual([]);
});

test("a head beyond the limit is a 431", async () => {
  const received = await sendRaw(proxy.port, `${POST}X: ${"y".repeat(40_000)}\r\n\r\n`);
  expect(received).toMatch(/^HTTP\/1\.1 431 /);
});

test("CONNECT is refused with the way out", async () => {
  const received = await sendRaw(
    proxy.port,
    "CONNECT a.weir:443 HTTP/1.1\r\nHost: a.weir:443\r\n\r\n",
  );
  expect(received).toMatch(/^HTTP\/1\.1 405 /);
  expect(received).toContain("http_proxy");
});

test("a head that does not come is a 408", async () => {
  const slow = await startProxy([], { listener: { headersTimeoutMs: 20, requestTimeoutMs: 20 } });
  const received = await sendRaw(slow.port, "GET / HTTP/1.1\r\nHost: orders.weir\r\nX-Slow: ");
  expect(received).toMatch(/^HTTP\/1\.1 408 /);
  await slow.stop();
});

test("pipelined requests are answered in order", async () => {
  const one = (path: string, rest = "") =>
    `GET ${path} HTTP/1.1\r\nHost: orders.weir\r\n${rest}\r\n`;
  const received = await sendRaw(
    proxy.port,
    `${one("/1")}${POST}Content-Length: 2\r\n\r\nxy${one("/3", "Connection: close\r\n")}`,
  );
  expect(received.match(/HTTP\/1\.1 200/g)).toHaveLength(3);
  expect(asked.sort()).toEqual(["GET /1 ", "GET /3 ", "POST /outer xy"]);
});

test("nothing of what was refused stays in flight", async () => {
  await sendRaw(proxy.port, `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n${INNER}`);
  await expect.poll(() => proxy.path.inFlight).toBe(0);
  expect(proxy.service.inFlightOf("orders-0", "orders-0-run")).toBe(0);
});
