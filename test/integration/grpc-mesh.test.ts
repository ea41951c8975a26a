import { expect, test } from "vitest";
import { ChannelMesh, endpointOf } from "../support/channel-mesh.ts";
import { EchoClient } from "../support/echo-client.ts";
import { echoServers } from "../support/echo-server.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Until all servers are connected to, the first calls go to those that are. */
async function connected(client: EchoClient, servers: readonly { connectionCount: number }[]) {
  client.client.getChannel().getConnectivityState(true);
  await waitUntil("all are connected to", 5_000, () => {
    return servers.every(({ connectionCount }) => connectionCount > 0);
  });
  // Connected is what the server sees; the client needs its settings frame too.
  for (let i = 0; i < 2 * servers.length; i++) await client.say();
}

test("every call is balanced, not every connection", async () => {
  const servers = await echoServers("a", "b", "c");
  const mesh = new ChannelMesh();
  mesh.open();
  mesh.has(servers.map((server) => endpointOf(server)));
  const client = new EchoClient("weir:orders");
  await connected(client, servers);
  expect(await client.tally(30)).toEqual({ a: 10, b: 10, c: 10 });
  expect(servers.map(({ connectionCount }) => connectionCount)).toEqual([1, 1, 1]);
  expect(servers[0].authority).toBe("orders.weir");
  expect(mesh.inFlight()).toEqual({ a: 0, b: 0, c: 0 });
});

test("weights are respected, and changing them makes no connection", async () => {
  const [a, b] = await echoServers("a", "b");
  const mesh = new ChannelMesh("weighted_round_robin");
  mesh.open();
  mesh.has([endpointOf(a), endpointOf(b)]);
  const client = new EchoClient("weir:orders");
  await connected(client, [a, b]);
  mesh.has([endpointOf(a, { weight: 300 }), endpointOf(b)]);
  expect(await client.tally(40)).toEqual({ a: 30, b: 10 });
  mesh.has([endpointOf(a, { weight: 300 }), endpointOf(b, { state: "unhealthy" })]);
  expect(await client.tally(10)).toEqual({ a: 10 });
  mesh.has([endpointOf(a, { weight: 100 }), endpointOf(b)]);
  expect(await client.tally(20)).toEqual({ a: 10, b: 10 });
  expect([a.connectionCount, b.connectionCount]).toEqual([1, 1]);
});

test("least_request sees the calls that start together", async () => {
  const servers = await echoServers("a", "b", "c");
  const mesh = new ChannelMesh("least_request_full_scan");
  mesh.open();
  mesh.has(servers.map((server) => endpointOf(server)));
  const client = new EchoClient("weir:orders");
  await connected(client, servers);
  const answers = Array.from({ length: 12 }, () => client.say("hold"));
  await waitUntil("all calls arrived", 5_000, () => {
    return servers.reduce((sum, { heldCount }) => sum + heldCount, 0) === 12;
  });
  expect(servers.map(({ heldCount }) => heldCount)).toEqual([4, 4, 4]);
  servers[1].release();
  await waitUntil("b is idle", 5_000, () => mesh.inFlight()["b"] === 0);
  expect(await client.tally(3)).toEqual({ b: 3 });
  for (const server of servers) server.release();
  await Promise.all(answers);
  expect(mesh.inFlight()).toEqual({ a: 0, b: 0, c: 0 });
});

test("a removed endpoint ends its calls and its streams, and costs none", async () => {
  const [a, b] = await echoServers("a", "b");
  const mesh = new ChannelMesh();
  mesh.open();
  mesh.has([endpointOf(a), endpointOf(b)]);
  const client = new EchoClient("weir:orders");
  await connected(client, [a, b]);
  const slow = [client.say("hold"), client.say("hold")];
  const streams = [client.serverStream("hold"), client.serverStream("hold")];
  const heard: string[] = [];
  for (const stream of streams) stream.on("data", (text: string) => heard.push(text));
  await waitUntil("both hold both", 5_000, () => a.heldCount === 2 && b.heldCount === 2);
  mesh.has([endpointOf(a)]);
  expect(await client.tally(10)).toEqual({ a: 10 });
  expect(mesh.inFlight()).toEqual({ a: 2, b: 2 });
  a.release();
  b.release();
  expect((await Promise.all(slow)).sort()).toEqual(["a", "b"]);
  await waitUntil("the streams end", 5_000, () => heard.length === 4);
  expect(heard.sort()).toEqual(["a 1", "a 2", "b 1", "b 2"]);
  await waitUntil("all ended", 5_000, () => mesh.upstream().stats.inFlight === 0);
  expect(mesh.idle).toEqual(["b"]);
});

test("an endpoint that drains gets no call, finishes its own, and is killed without loss", async () => {
  const [a, b] = await echoServers("a", "b");
  const mesh = new ChannelMesh();
  mesh.open();
  mesh.has([endpointOf(a), endpointOf(b)]);
  const client = new EchoClient("weir:orders");
  await connected(client, [a, b]);
  const slow = [client.say("hold"), client.say("hold")];
  await waitUntil("both hold one", 5_000, () => a.heldCount === 1 && b.heldCount === 1);
  mesh.has([endpointOf(a), endpointOf(b, { state: "draining", revision: 1 })]);
  expect(await client.tally(10)).toEqual({ a: 10 });
  expect(mesh.idle).toEqual([]);
  b.release();
  a.release();
  expect((await Promise.all(slow)).sort()).toEqual(["a", "b"]);
  await waitUntil("b is reported idle", 5_000, () => mesh.idle.includes("b"));
  b.kill();
  expect(await client.tally(20)).toEqual({ a: 20 });
  mesh.has([endpointOf(a)]);
  expect(await client.tally(20)).toEqual({ a: 20 });
});

test("a drain that is taken back needs no new connection", async () => {
  const [a, b] = await echoServers("a", "b");
  const mesh = new ChannelMesh();
  mesh.open();
  mesh.has([endpointOf(a), endpointOf(b)]);
  const client = new EchoClient("weir:orders");
  await connected(client, [a, b]);
  mesh.has([endpointOf(a), endpointOf(b, { state: "draining", revision: 1 })]);
  expect(await client.tally(4)).toEqual({ a: 4 });
  mesh.has([endpointOf(a), endpointOf(b, { revision: 2 })]);
  expect(await client.tally(4)).toEqual({ a: 2, b: 2 });
  expect([a.connectionCount, b.connectionCount]).toEqual([1, 1]);
});

test("an instance that is killed costs only the calls that it had", async () => {
  const [a, b, c] = await echoServers("a", "b", "c");
  const mesh = new ChannelMesh();
  mesh.open();
  mesh.has([endpointOf(a), endpointOf(b), endpointOf(c)]);
  const client = new EchoClient("weir:orders");
  await connected(client, [a, b, c]);
  const slow = [client.say("hold"), client.say("hold"), client.say("hold")];
  await waitUntil("each holds one", 5_000, () => {
    return a.heldCount === 1 && b.heldCount === 1 && c.heldCount === 1;
  });
  b.kill();
  a.release();
  c.release();
  expect((await Promise.all(slow)).map((text) => text.slice(0, 2)).sort()).toEqual([
    "14",
    "a",
    "c",
  ]);
  const tally = await client.tally(30);
  expect(Object.keys(tally).sort()).toEqual(["a", "c"]);
  expect(mesh.inFlight()).toEqual({ a: 0, b: 0, c: 0 });
});

test("with retries of UNAVAILABLE a kill costs nothing", async () => {
  const [a, b] = await echoServers("a", "b");
  const mesh = new ChannelMesh();
  mesh.open("default", { retryUnavailable: true });
  mesh.has([endpointOf(a), endpointOf(b)]);
  const client = new EchoClient("weir:orders");
  await connected(client, [a, b]);
  const slow = [client.say("hold"), client.say("hold")];
  await waitUntil("both hold one", 5_000, () => a.heldCount === 1 && b.heldCount === 1);
  b.kill();
  await waitUntil("a has both", 5_000, () => a.heldCount === 2);
  a.release();
  expect(await Promise.all(slow)).toEqual(["a", "a"]);
  expect(mesh.inFlight()).toEqual({ a: 0, b: 0 });
});

test.each([false, true])(
  "all four kinds of calls go through, with retries: %s",
  async (retryUnavailable) => {
    const [a] = await echoServers("a");
    const mesh = new ChannelMesh();
    mesh.open("default", { retryUnavailable });
    mesh.has([endpointOf(a)]);
    const client = new EchoClient("weir:orders");
    expect(await client.say()).toBe("a");
    expect(await client.clientStream(["x", "y"])).toBe("a got 2");
    const sent: string[] = [];
    for await (const text of client.serverStream("hello")) sent.push(String(text));
    expect(sent).toEqual(["a 1", "a 2"]);
    const bidi = client.bidi();
    bidi.write("x");
    bidi.end();
    const echoed: string[] = [];
    for await (const text of bidi) echoed.push(String(text));
    expect(echoed).toEqual(["a x"]);
    expect(mesh.upstream().stats).toMatchObject({ begun: 4, succeeded: 4 });
    expect(mesh.inFlight()).toEqual({ a: 0 });
  },
);

test("no connection outlives its client, whatever came and went", async () => {
  const [a, b] = await echoServers("a", "b");
  const mesh = new ChannelMesh();
  mesh.open();
  mesh.has([endpointOf(a), endpointOf(b)]);
  const client = new EchoClient("weir:orders");
  await connected(client, [a, b]);
  mesh.has([endpointOf(a, { weight: 7 }), endpointOf(b, { process: "b-2" })]);
  mesh.has([endpointOf(a)]);
  expect(await client.say()).toBe("a");
  client.client.close();
  await waitUntil("all are closed", 5_000, () => a.openCount + b.openCount === 0);
});
