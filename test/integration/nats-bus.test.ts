import { createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Bus } from "../../src/ports/bus.ts";
import { freePort } from "../support/free-port.ts";
import { natsBus, natsServer } from "../support/nats-bus.ts";
import { findNatsServer } from "../support/nats-server.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Only ends a wait for what never comes. */
const LIMIT_MS = 20_000;

const bytes = (content: string): Uint8Array => Buffer.from(content);

/** Numbers that arrive at `bus`. */
function numbersAt(bus: Bus, subject: string): number[] {
  const got: number[] = [];
  bus.subscribe(subject, ({ payload }) => got.push(Number(Buffer.from(payload).toString())));
  return got;
}

/** The server reads the subscriptions of a connection before what comes later on it. */
async function settled(bus: Bus): Promise<void> {
  await bus.request("weir.test.nobody", bytes(""), LIMIT_MS).catch(() => undefined);
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length;
}

describe.skipIf(findNatsServer() === undefined)("the bus and a NATS server that fails", () => {
  test("a restart under load loses messages, repeats none, and is told", async () => {
    const server = await natsServer();
    const a = natsBus({ servers: [server.url], name: "a" });
    const b = natsBus({ servers: [server.url], name: "b" });
    await Promise.all([a.connected(), b.connected()]);
    const got = numbersAt(b.bus, "weir.test.numbers");
    await settled(b.bus);
    let next = 0;
    const refused = new Set<number>();
    const timer = setInterval(() => {
      const isSent = a.bus.publish("weir.test.numbers", bytes(String(next)));
      if (!isSent) refused.add(next);
      next++;
    }, 5);
    onTestFinished(() => clearInterval(timer));
    await waitUntil("messages flow", LIMIT_MS, () => got.length > 20);
    await server.kill();
    await waitUntil("publishes are refused", LIMIT_MS, () => refused.size > 20);
    await server.start();
    await Promise.all([a.connected(), b.connected()]);
    const from = next;
    await waitUntil("messages flow again", LIMIT_MS, () => (got.at(-1) ?? 0) > from + 20);
    expect(got).toEqual([...new Set(got)].sort((x, y) => x - y));
    expect(got.filter((number) => refused.has(number))).toEqual([]);
    expect(a.bus.state.droppedCount).toBe(refused.size);
    const told = a.changes.map(({ kind }) => kind).filter((kind) => kind !== "problem");
    expect(told).toEqual(["connected", "disconnected", "connected"]);
  });

  test("a server that is absent at the start is waited for, and the reason is told", async () => {
    const port = await freePort();
    const { bus, problem, connected, log } = natsBus({ servers: [`nats://127.0.0.1:${port}`] });
    const change = await problem(/nobody listens there: is the server up/);
    expect(change).toMatchObject({ kind: "problem", problem: { kind: "unreachable" } });
    const got = numbersAt(bus, "weir.test.numbers");
    await natsServer({ port });
    await connected();
    expect(bus.state.serverName).not.toBe("");
    const other = natsBus({ servers: [`127.0.0.1:${port}`] });
    await other.connected();
    other.bus.publish("weir.test.numbers", bytes("1"));
    await waitUntil("the early subscription hears", LIMIT_MS, () => got.length === 1);
    // One line for the failure, however often it was tried.
    expect(log.saying("nobody listens")).toHaveLength(1);
  });

  test("a frozen server is noticed under load, costs bounded memory and no sockets", async () => {
    const server = await natsServer();
    const { bus, changes, problem, connected } = natsBus({
      servers: [server.url],
      pingIntervalMs: 250,
      dialTimeoutMs: 100,
    });
    await connected();
    const socketsBefore = openSockets();
    server.signal("SIGSTOP");
    onTestFinished(() => server.signal("SIGCONT"));
    const payload = new Uint8Array(512 * 1024);
    let sent = 0;
    while (bus.publish("weir.test.bulk", payload)) sent++;
    expect(sent).toBeLessThanOrEqual(64);
    expect(sent).toBeGreaterThan(8);
    await problem(/answers no pings: is it overloaded or frozen/);
    expect(bus.state.isConnected).toBe(false);
    await waitUntil("it was tried five times", LIMIT_MS, () => {
      const silent = changes.filter(
        (change) => change.kind === "problem" && /stays silent/.test(change.problem.message),
      );
      return silent.length >= 5;
    });
    // The one that is given up waits in the kernel for the server to read; attempts leave nothing.
    expect(openSockets()).toBeLessThanOrEqual(socketsBefore + 2);
    server.signal("SIGCONT");
    await connected();
    expect(bus.publish("weir.test.bulk", bytes("1"))).toBe(true);
  });

  test("a bus whose server is frozen can be closed", async () => {
    const server = await natsServer();
    const { bus, connected } = natsBus({ servers: [server.url] });
    await connected();
    server.signal("SIGSTOP");
    onTestFinished(() => server.signal("SIGCONT"));
    bus.publish("weir.test.bulk", new Uint8Array(1024 * 1024));
    await bus.close();
    expect(bus.state.isConnected).toBe(false);
  });

  test("the server's limit of a message is kept, also a new one after a restart", async () => {
    const server = await natsServer({ config: "max_payload: 64KB" });
    const { bus, connected } = natsBus({ servers: [server.url] });
    await connected();
    expect(bus.state.maxPayloadBytes).toBe(65_536);
    expect(bus.publish("weir.test.bulk", new Uint8Array(65_536))).toBe(true);
    expect(bus.publish("weir.test.bulk", new Uint8Array(65_537))).toBe(false);
    await settled(bus);
    expect(bus.state).toMatchObject({ isConnected: true, reconnectCount: 0 });
    await server.stop();
    await natsServer({ port: server.port, config: "max_payload: 8KB" });
    await waitUntil("it is back", LIMIT_MS, () => bus.state.reconnectCount === 1);
    expect(bus.state.maxPayloadBytes).toBe(8_192);
    expect(bus.publish("weir.test.bulk", new Uint8Array(65_536))).toBe(false);
  });

  test("a server that will stop is left for another one without a break", async () => {
    const [port1, port2] = [await freePort(), await freePort()];
    const routes = [await freePort(), await freePort()];
    const cluster = (own: number): string =>
      `cluster { name: "c", listen: "127.0.0.1:${routes[own]}", routes: [${routes.map((port) => `"nats://127.0.0.1:${port}"`).join(", ")}] }`;
    const one = await natsServer({ port: port1, config: cluster(0) });
    const other = await natsServer({ port: port2, config: cluster(1) });
    const mover = natsBus({ servers: [one.url, other.url] });
    await mover.connected();
    const first = mover.bus.state.server;
    const [leaving, staying] = first === one.url ? [one, other] : [other, one];
    const witness = natsBus({ servers: [staying.url], name: "witness" });
    await witness.connected();
    const got = numbersAt(mover.bus, "weir.test.numbers");
    await settled(mover.bus);
    leaving.signal("SIGUSR2");
    await mover.problem(/it will stop: moving to another one/);
    await waitUntil("it moved", LIMIT_MS, () => mover.bus.state.server === staying.url);
    let next = 0;
    await waitUntil("messages arrive at the new place", LIMIT_MS, () => {
      witness.bus.publish("weir.test.numbers", bytes(String(next++)));
      return got.length > 3;
    });
    expect(got).toEqual([...new Set(got)]);
    const told = mover.changes.map(({ kind }) => kind).filter((kind) => kind !== "problem");
    expect(told).toEqual(["connected", "connected"]);
  });

  test("who just left is known to be gone: no wait for an answer", async () => {
    const server = await natsServer();
    const a = natsBus({ servers: [server.url] });
    const b = natsBus({ servers: [server.url] });
    await Promise.all([a.connected(), b.connected()]);
    b.bus.subscribe("weir.test.pull", (message) => message.reply(bytes("here")));
    await settled(b.bus);
    const answer = await a.bus.request("weir.test.pull", bytes(""), LIMIT_MS);
    expect(Buffer.from(answer).toString()).toBe("here");
    await b.bus.close();
    const asked = a.bus.request("weir.test.pull", bytes(""), 600_000);
    await expect(asked).rejects.toMatchObject({
      name: "BusRequestError",
      reason: "no-responders",
      subject: "weir.test.pull",
    });
  });

  test("a foreign message cannot make us speak in another's place", async () => {
    const server = await natsServer();
    const us = natsBus({ servers: [server.url] });
    const foreign = natsBus({ servers: [server.url], inboxPrefix: "weir.test.v1.0.delta" });
    const witness = natsBus({ servers: [server.url] });
    await Promise.all([us.connected(), foreign.connected(), witness.connected()]);
    const replies: boolean[] = [];
    us.bus.subscribe("weir.test.pull", (message) => replies.push(message.reply(bytes("ours"))));
    const heard: string[] = [];
    witness.bus.subscribe("weir.test.v1.>", ({ subject }) => heard.push(subject));
    await Promise.all([settled(us.bus), settled(witness.bus)]);
    const asked = foreign.bus.request("weir.test.pull", bytes(""), 50);
    await expect(asked).rejects.toMatchObject({ reason: "timeout" });
    expect(replies).toEqual([false]);
    expect(heard).toEqual([]);
  });

  test("nobody listens where replies arrive: the server would mistake one for the other", () => {
    const { bus } = natsBus({ servers: ["127.0.0.1:1"] });
    expect(() => bus.subscribe("weir.test.>", () => undefined)).toThrow(/replies arrive/);
    expect(() => bus.subscribe("weir.*.inbox.>", () => undefined)).toThrow(/replies arrive/);
    expect(() => bus.subscribe("weir..x", () => undefined)).toThrow(/no pattern of subjects/);
  });

  test("any bytes pass, and a listener that chokes on them ends nothing", async () => {
    const server = await natsServer();
    const us = natsBus({ servers: [server.url] });
    const foreign = natsBus({ servers: [server.url] });
    await Promise.all([us.connected(), foreign.connected()]);
    const got: string[] = [];
    us.bus.subscribe("weir.test.x.>", ({ payload }) => {
      got.push(Buffer.from(payload).toString("hex"));
      throw new Error("planted");
    });
    await settled(us.bus);
    const garbage = ["", "00", "0d0a", "ff".repeat(5_000), "4d5347207820310d0a"];
    for (const hex of garbage) foreign.bus.publish("weir.test.x.y", Buffer.from(hex, "hex"));
    await waitUntil("all arrived", LIMIT_MS, () => got.length === garbage.length);
    expect(got).toEqual(garbage);
    expect(us.bus.state).toMatchObject({ isConnected: true, listenerErrorCount: 5 });
    expect(us.log.saying("error: a listener of the bus threw")).toHaveLength(3);
  });
});

describe("what is no NATS server", () => {
  async function answering(text: string | undefined): Promise<string> {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      if (text === undefined) socket.destroy();
      else socket.write(text);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      server.close();
    });
    const address = server.address();
    return `nats://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  }

  test.each([
    ["a web server", "HTTP/1.1 400 Bad Request\r\n\r\n", /does not speak NATS: is the port right/],
    ["one that hangs up", undefined, /closed the connection without a word|was reset/],
    ["endless words", `INFO ${"x".repeat(70_000)}`, /does not speak NATS/],
    ["a silent one", "", /accepts connections and stays silent/],
    ["broken words", "INFO {broken\r\n", /what it says first cannot be read: is the port right/],
  ])("%s is told, and tried again", async (_, text, pattern) => {
    const { bus, changes, problem } = natsBus({
      servers: [await answering(text)],
      dialTimeoutMs: 100,
    });
    await problem(pattern);
    await waitUntil("it is tried again", LIMIT_MS, () => changes.length >= 2);
    expect(bus.state.isConnected).toBe(false);
  });

  test("an outage of several servers is logged once for each", async () => {
    const servers = [await answering("HTTP/1.1"), await answering("HTTP/1.1")];
    const { changes, log } = natsBus({ servers });
    await waitUntil("each was tried twice", LIMIT_MS, () => changes.length >= 4);
    expect(log.saying("does not speak NATS")).toHaveLength(2);
  });

  test("a name that nobody has is told", async () => {
    const { problem } = natsBus({ servers: ["nats://weir-test.invalid:4222"] });
    await problem(/no such host: check the name|name server/);
  });
});
