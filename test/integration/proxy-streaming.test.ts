import { createHash } from "node:crypto";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { afterEach, expect, test } from "vitest";
import { endpointAt, startProxy, startServer, type TestProxy } from "../support/proxy.ts";

const MIB = 1024 * 1024;

/**
 * More than sockets and streams between two ends hold (a few MiB on loopback), and far less than
 * the whole body: reaching it would mean that somebody buffers.
 */
const MAX_BUFFERED_BYTES = 32 * MIB;

const UPLOAD_BYTES = 100 * MIB;

const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function proxyTo(listener: Parameters<typeof startServer>[0]): Promise<TestProxy> {
  const server = await startServer(listener);
  cleanups.push(server.stop);
  const proxy = await startProxy([endpointAt("orders-0", server.port)]);
  cleanups.push(proxy.stop);
  return proxy;
}

/** Counts what was taken from it. */
class Source extends Readable {
  taken = 0;
  readonly #total: number;
  readonly #chunk = Buffer.alloc(64 * 1024, "x");

  constructor(total: number) {
    super();
    this.#total = total;
  }

  override _read(): void {
    if (this.taken >= this.#total) {
      this.push(null);
      return;
    }
    this.taken += this.#chunk.length;
    this.push(this.#chunk);
  }
}

/** Resolves when `read` gave the same number for many turns of the event loop. */
async function settled(read: () => number): Promise<void> {
  let last = -1;
  for (let calm = 0; calm < 500; calm++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (read() !== last) calm = 0;
    last = read();
  }
}

test("100 MB are uploaded without being buffered", async () => {
  let readOn = (): void => {};
  const allowed = new Promise<void>((resolve) => {
    readOn = resolve;
  });
  const proxy = await proxyTo((request, response) => {
    void allowed.then(() => {
      let bytes = 0;
      request.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      request.on("end", () => response.end(String(bytes)));
    });
  });
  const source = new Source(UPLOAD_BYTES);
  const answer = new Promise<string>((resolve, reject) => {
    const request = httpRequest({
      port: proxy.port,
      method: "POST",
      headers: { host: "orders.weir", "content-length": String(UPLOAD_BYTES) },
    });
    request.on("error", reject);
    request.on("response", (response) => response.setEncoding("utf8").on("data", resolve));
    source.pipe(request);
  });
  await settled(() => source.taken);
  expect(source.taken).toBeLessThan(MAX_BUFFERED_BYTES);
  readOn();
  expect(await answer).toBe(String(UPLOAD_BYTES));
});

test("a long response waits for a client that does not read", async () => {
  const source = new Source(UPLOAD_BYTES);
  const proxy = await proxyTo((_request, response) => source.pipe(response));
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = httpRequest({ port: proxy.port, headers: { host: "orders.weir" } });
    request.on("error", reject);
    request.on("response", resolve);
    request.end();
  });
  await settled(() => source.taken);
  expect(source.taken).toBeLessThan(MAX_BUFFERED_BYTES);
  let bytes = 0;
  for await (const chunk of response) bytes += (chunk as Buffer).length;
  expect(bytes).toBe(UPLOAD_BYTES);
});

test("bytes arrive as they were sent", async () => {
  const proxy = await proxyTo((request, response) => {
    response.writeHead(200, { "content-type": "application/octet-stream" });
    request.pipe(response);
  });
  const body = Buffer.from(Array.from({ length: 3 * MIB }, (_, i) => (i * 7 + (i >> 8)) & 255));
  const received = await new Promise<Buffer>((resolve, reject) => {
    const request = httpRequest({
      port: proxy.port,
      method: "PUT",
      headers: { host: "orders.weir", "content-length": String(body.length) },
    });
    request.on("error", reject);
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve(Buffer.concat(chunks)));
    });
    request.end(body);
  });
  const hash = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
  expect(hash(received)).toBe(hash(body));
});

test("events of a stream are passed on one by one, its head before the first", async () => {
  const sends: ((text: string) => void)[] = [];
  const proxy = await proxyTo((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
    sends.push((text) => response.write(text));
  });
  const response = await new Promise<IncomingMessage>((resolve) => {
    httpRequest({ port: proxy.port, headers: { host: "orders.weir" } }, resolve).end();
  });
  const events = response.setEncoding("utf8")[Symbol.asyncIterator]();
  for (const text of ["data: 1\n\n", "data: 2\n\n"]) {
    for (const send of sends) send(text);
    expect((await events.next()).value).toBe(text);
  }
  response.destroy();
});

test("a response before the upload's end leaves the connection usable", async () => {
  const proxy = await proxyTo((request, response) => {
    response.end(request.method === "GET" ? "next" : "too large");
  });
  const socket = connect(proxy.port, "127.0.0.1").setEncoding("latin1");
  let received = "";
  socket.on("data", (text: string) => {
    received += text;
  });
  const head = `POST / HTTP/1.1\r\nHost: orders.weir\r\nContent-Length: ${2 * MIB}\r\n\r\n`;
  socket.write(head + "x".repeat(MIB));
  await expect.poll(() => received).toContain("too large");
  socket.write("x".repeat(MIB));
  socket.write("GET / HTTP/1.1\r\nHost: orders.weir\r\nConnection: close\r\n\r\n");
  await new Promise((resolve) => socket.on("close", resolve));
  expect(received.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  expect(received).toContain("next");
});

test("an upload that is cut reaches the endpoint as a cut, not as a whole request", async () => {
  let seen = (_outcome: string): void => {};
  const outcome = new Promise<string>((resolve) => {
    seen = resolve;
  });
  let begin = (): void => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const proxy = await proxyTo((request) => {
    request.on("data", begin);
    request.on("end", () => seen("whole"));
    request.on("error", () => seen("cut"));
  });
  const request = httpRequest({
    port: proxy.port,
    method: "POST",
    headers: { host: "orders.weir", "transfer-encoding": "chunked" },
  });
  request.on("error", () => {});
  request.write("the first part");
  await begun;
  request.destroy();
  expect(await outcome).toBe("cut");
  await expect.poll(() => proxy.path.inFlight).toBe(0);
});
