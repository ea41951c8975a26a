import { once } from "node:events";
import { Readable } from "node:stream";
import { getGlobalDispatcher, request, setGlobalDispatcher, WebSocket } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { WebSocketServer } from "ws";
import { aControlPlaneServer, aMesh, aServer, registered } from "../support/mesh.ts";
import { waitUntil } from "../support/wait-until.ts";

const WITHIN_MS = 10_000;

/** Two servers of `orders` that answer with their name, and echo what they are sent. */
async function twoServers(policy = "round_robin") {
  const { address } = await aControlPlaneServer();
  const defaults = { protocol: "http1" as const, policy };
  const seen: { host: string | undefined; url: string | undefined; body: string }[] = [];
  for (const name of ["a", "b"]) {
    const { port } = await aServer((incoming, response) => {
      let body = "";
      incoming.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      incoming.on("end", () => {
        seen.push({ host: incoming.headers.host, url: incoming.url, body });
        response.end(name);
      });
      incoming.on("error", () => response.destroy());
    });
    await registered(address, name, port, { defaults });
  }
  return { address, seen };
}

test("fetch and request go to each endpoint in turn, under the service's name", async () => {
  const { address, seen } = await twoServers();
  const mesh = await aMesh(address);
  const answers: string[] = [];
  for (let i = 0; i < 4; i++) {
    answers.push(await (await mesh.fetch("http://orders.weir/a?b=1")).text());
    const { body } = await request("http://orders.default.weir/c", { dispatcher: mesh.dispatcher });
    answers.push(await body.text());
  }
  expect(answers.filter((name) => name === "a")).toHaveLength(4);
  expect(answers.filter((name) => name === "b")).toHaveLength(4);
  expect(seen[0]).toEqual({ host: "orders.weir", url: "/a?b=1", body: "" });
  expect(seen[1]).toMatchObject({ host: "orders.default.weir", url: "/c" });
  expect(mesh.inFlight).toBe(0);
});

test.each([
  { kind: "text", body: () => "hello", length: "5" },
  { kind: "bytes", body: () => Buffer.from("hello"), length: "5" },
  {
    kind: "a stream",
    body: () => Readable.from([Buffer.from("hel"), Buffer.from("lo")]),
    length: "",
  },
])("a body of $kind arrives", async ({ body }) => {
  const { address, seen } = await twoServers();
  const mesh = await aMesh(address);
  const { dispatcher } = mesh;
  await (
    await request("http://orders.weir/", { dispatcher, method: "POST", body: body() })
  ).body.dump();
  expect(seen[0]?.body).toBe("hello");
});

test("fetch takes the platform's Request, with its method, headers and body", async () => {
  const { address, seen } = await twoServers();
  const mesh = await aMesh(address);
  const platform = new Request("http://orders.weir/x", { method: "POST", body: "hello" });
  expect((await mesh.fetch(platform)).status).toBe(200);
  expect(seen[0]).toEqual({ host: "orders.weir", url: "/x", body: "hello" });
});

test("the platform's own fetch takes the dispatcher too, by itself and for the whole process", async () => {
  const { address, seen } = await twoServers();
  const mesh = await aMesh(address);
  const options: object = { dispatcher: mesh.dispatcher, method: "POST", body: "hello" };
  expect(await (await fetch("http://orders.weir/a", options)).text()).toMatch(/^[ab]$/);
  const before = getGlobalDispatcher();
  onTestFinished(() => setGlobalDispatcher(before));
  setGlobalDispatcher(mesh.dispatcher);
  expect(await (await fetch("http://orders.weir/b")).text()).toMatch(/^[ab]$/);
  expect(seen.map(({ url, body }) => `${url} ${body}`)).toEqual(["/a hello", "/b "]);
  await expect(fetch("http://nobody.weir/")).rejects.toMatchObject({
    cause: { code: "NO_ENDPOINT" },
  });
});

test("every other host is reached as without a mesh", async () => {
  const { address } = await twoServers();
  const { port } = await aServer((_, response) => response.end("outside"));
  const mesh = await aMesh(address);
  expect(await (await mesh.fetch(`http://127.0.0.1:${port}/`)).text()).toBe("outside");
});

test("an endpoint that refuses connections costs no request, whatever its method", async () => {
  const { address } = await aControlPlaneServer();
  const { port } = await aServer((incoming, response) => {
    incoming.resume().on("end", () => response.end("alive"));
  });
  const dead = await aServer(() => undefined);
  dead.server.close();
  await registered(address, "dead", dead.port, {
    defaults: { protocol: "http1", policy: "round_robin" },
  });
  await registered(address, "alive", port);
  const mesh = await aMesh(address);
  const { dispatcher } = mesh;
  for (let i = 0; i < 6; i++) {
    const body = Readable.from([Buffer.from("once")]);
    const answer = await request("http://orders.weir/", { dispatcher, method: "POST", body });
    expect(await answer.body.text()).toBe("alive");
  }
  expect(mesh.inFlight).toBe(0);
});

test("an unknown service, one without endpoints, and https: typed errors that say what to do", async () => {
  const { address } = await twoServers();
  const mesh = await aMesh(address);
  await expect(mesh.fetch("http://nobody.weir/")).rejects.toMatchObject({
    name: "MeshError",
    code: "NO_ENDPOINT",
    message: expect.stringContaining("default/nobody has no endpoints"),
  });
  await expect(mesh.fetch("https://orders.weir/")).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining("http://"),
  });
  await expect(mesh.fetch("http://-bad-.weir/")).rejects.toMatchObject({
    code: "SERVICE_NOT_FOUND",
  });
});

test("an endpoint that resets: a typed error with its cause, for a POST without a second try", async () => {
  const { address } = await aControlPlaneServer();
  let count = 0;
  const { port } = await aServer((incoming) => {
    count++;
    incoming.socket.destroy();
  });
  await registered(address, "a", port);
  const mesh = await aMesh(address);
  await expect(
    mesh.fetch("http://orders.weir/", { method: "POST", body: "x" }),
  ).rejects.toMatchObject({ code: "ENDPOINT_FAILED", cause: expect.any(Error) });
  expect(count).toBe(1);
  expect(mesh.inFlight).toBe(0);
});

test("a response that breaks off: its body fails, and nothing stays in flight", async () => {
  const { address } = await aControlPlaneServer();
  const { port } = await aServer((incoming, response) => {
    response.writeHead(200, { "content-length": 100 });
    response.write("half");
    setImmediate(() => incoming.socket.destroy());
  });
  await registered(address, "a", port);
  const mesh = await aMesh(address);
  const answer = await mesh.fetch("http://orders.weir/");
  await expect(answer.text()).rejects.toThrow();
  const { body } = await request("http://orders.weir/", { dispatcher: mesh.dispatcher });
  await expect(body.text()).rejects.toMatchObject({ code: "ENDPOINT_FAILED" });
  expect(mesh.inFlight).toBe(0);
});

test("a body that errors half way: the program gets its own error, and no endpoint is blamed", async () => {
  const { address } = await twoServers();
  const mesh = await aMesh(address);
  async function* broken() {
    yield Buffer.from("half");
    throw new Error("the disk is gone");
  }
  const { dispatcher } = mesh;
  const sent = request("http://orders.weir/", {
    dispatcher,
    method: "POST",
    body: Readable.from(broken()),
  });
  await expect(sent).rejects.toThrow("the disk is gone");
  expect(mesh.inFlight).toBe(0);
});

test("the stream of a request that nobody could take is destroyed, not left open", async () => {
  const { address } = await aControlPlaneServer();
  const mesh = await aMesh(address);
  const body = new Readable({ read() {} });
  const options = { origin: "http://nobody.weir", path: "/", method: "POST" as const, body };
  const failed = Promise.withResolvers<Error>();
  mesh.dispatcher.dispatch(options, {
    onRequestStart() {},
    onResponseError: (_controller, error) => failed.resolve(error),
  });
  expect(await failed.promise).toMatchObject({ code: "NO_ENDPOINT" });
  expect(body.destroyed).toBe(true);
});

test("a request is aborted while it waits for an answer, and while it waits for a service", async () => {
  const { address } = await aControlPlaneServer();
  const { port } = await aServer(() => undefined);
  await registered(address, "a", port);
  const mesh = await aMesh(address);
  for (const host of ["orders.weir", "later.weir"]) {
    const abort = new AbortController();
    const answer = mesh.fetch(`http://${host}/`, { signal: abort.signal });
    const failed = expect(answer).rejects.toThrow("enough");
    if (host === "orders.weir")
      await waitUntil("the request is sent", WITHIN_MS, () => mesh.inFlight === 1);
    abort.abort(new Error("enough"));
    await failed;
    await waitUntil("nothing is in flight", WITHIN_MS, () => mesh.inFlight === 0);
  }
});

test("a timeout of the service's settings is a typed error", async () => {
  const { address } = await aControlPlaneServer();
  const { port } = await aServer(() => undefined);
  await registered(address, "a", port);
  const mesh = await aMesh(address, { services: [{ name: "orders", timeout: "50ms" }] });
  await expect(mesh.fetch("http://orders.weir/")).rejects.toMatchObject({ code: "TIMEOUT" });
  expect(mesh.inFlight).toBe(0);
});

test("a WebSocket is one request that lasts as long as it is open", async () => {
  const { address } = await aControlPlaneServer();
  const { server, port } = await aServer(() => undefined);
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => {
    socket.on("message", (text) => socket.send(`echo ${text}`));
  });
  await registered(address, "a", port);
  const mesh = await aMesh(address);
  const socket = new WebSocket("ws://orders.weir/", { dispatcher: mesh.dispatcher });
  await once(socket, "open");
  expect(mesh.inFlight).toBe(1);
  const answered = once(socket, "message");
  socket.send("hello");
  expect((await answered)[0]).toMatchObject({ data: "echo hello" });
  socket.close();
  await waitUntil("nothing is in flight", WITHIN_MS, () => mesh.inFlight === 0);
});

test("whatever happens to many requests at once, nothing stays in flight and no connection leaks", async () => {
  const { address } = await aControlPlaneServer();
  const { server, port } = await aServer((incoming, response) => {
    const kind = Number(incoming.url?.slice(1)) % 4;
    if (kind === 0) incoming.socket.destroy();
    else if (kind === 1) response.writeHead(500).end("broken");
    else if (kind === 2) response.write("half", () => incoming.socket.destroy());
    else response.end("fine");
  });
  await registered(address, "a", port);
  const mesh = await aMesh(address, { retries: { attempts: 0 } });
  const outcomes = await Promise.allSettled(
    Array.from({ length: 200 }, async (_, i) => {
      const signal = i % 8 === 7 ? AbortSignal.timeout(1) : null;
      return (await mesh.fetch(`http://orders.weir/${i}`, { signal })).text();
    }),
  );
  expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBeGreaterThan(50);
  expect(outcomes.filter(({ status }) => status === "rejected").length).toBeGreaterThan(50);
  expect(mesh.inFlight).toBe(0);
  await mesh.close();
  const open = () => new Promise<number>((resolve) => server.getConnections((_, n) => resolve(n)));
  await waitUntil("every connection is closed", WITHIN_MS, async () => (await open()) === 0);
});
