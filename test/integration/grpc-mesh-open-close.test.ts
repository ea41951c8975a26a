import { spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { connectivityState } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { ChannelMesh, endpointOf } from "../support/channel-mesh.ts";
import { EchoClient } from "../support/echo-client.ts";
import { echoServers } from "../support/echo-server.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { waitUntil } from "../support/wait-until.ts";

test("a client that was made before the mesh says so, and works once it is open", async () => {
  const [a] = await echoServers("a");
  const client = new EchoClient("weir:orders");
  expect(await client.say()).toBe("14: no mesh is open in this process: call Mesh.connect first");
  const ready = promisify(client.client.waitForReady.bind(client.client))(Date.now() + 10_000);
  const patient = client.say("hello", { waitForReady: true });
  const mesh = new ChannelMesh();
  mesh.open();
  mesh.has([endpointOf(a)]);
  expect(await patient).toBe("a");
  await ready;
  expect(await client.say()).toBe("a");
});

test("after its mesh closed a client fails at once, patient calls too, until one opens again", async () => {
  const [a] = await echoServers("a");
  const mesh = new ChannelMesh();
  const close = mesh.open();
  mesh.has([endpointOf(a)]);
  const client = new EchoClient("weir:orders");
  const slow = client.say("hold");
  await waitUntil("it arrived", 5_000, () => a.heldCount === 1);
  close();
  close();
  const closed = "14: the mesh is closed: call Mesh.connect again";
  expect(await client.say()).toBe(closed);
  expect(await client.say("hello", { waitForReady: true })).toBe(closed);
  expect(await new EchoClient("weir:orders").say()).toBe(closed);
  a.release();
  expect(await slow).toBe("a");
  expect(mesh.inFlight()).toEqual({ a: 0 });
  mesh.open();
  expect(await client.say()).toBe("a");
});

test("targets name one of several meshes; those that name none take the default one", async () => {
  const [a, b] = await echoServers("a", "b");
  const [one, two] = [new ChannelMesh(), new ChannelMesh()];
  const closeOne = one.open("one");
  one.has([endpointOf(a)]);
  const early = new EchoClient("weir:orders");
  expect(await early.say()).toBe("a");
  two.open("two");
  two.has([endpointOf(b)]);
  expect(await new EchoClient("weir://one/orders").say()).toBe("a");
  expect(await new EchoClient("weir://two/default/orders").say()).toBe("b");
  expect(await early.say()).toBe("a");
  expect(await new EchoClient("weir:orders").say()).toBe(
    '14: several meshes are open in this process: "one", "two": give each its own name in Mesh.connect, and name the one that is meant: weir://MESH/SERVICE',
  );
  expect(await new EchoClient("weir://three/orders").say()).toBe(
    '14: no mesh "three" is open in this process, only "one", "two"',
  );
  const chosen = new ChannelMesh();
  const closeChosen = chosen.open();
  chosen.has([endpointOf(b)]);
  expect(await new EchoClient("weir:orders").say()).toBe("b");
  closeChosen();
  closeOne();
  expect(await early.say()).toBe("b");
});

test("a namespace and a mesh's own namespace are two services", async () => {
  const [a] = await echoServers("a");
  const mesh = new ChannelMesh();
  mesh.open();
  mesh.has([endpointOf(a)]);
  expect(await new EchoClient("weir:orders").say()).toBe("a");
  const answer = new EchoClient("weir:shop/orders").say("hello", { deadlineMs: 500 });
  await waitUntil("both are asked for", 5_000, () => mesh.asked.length === 2);
  expect(mesh.asked).toEqual(["default/orders", "shop/orders"]);
  expect(await answer).toMatch(/^4:/);
});

test("a service that nobody registered is named, and works once somebody did", async () => {
  const [a] = await echoServers("a");
  const mesh = new ChannelMesh();
  mesh.open();
  mesh.has([], "payments");
  const client = new EchoClient("weir:payments");
  expect(await client.say()).toBe(
    "14: default/payments has no endpoints: no instance is registered; start one, or check the name",
  );
  mesh.has([endpointOf(a)], "payments");
  expect(await client.say()).toBe("a");
});

test("a service whose endpoints are all unhealthy says so", async () => {
  const [a, b] = await echoServers("a", "b");
  const mesh = new ChannelMesh();
  mesh.open();
  mesh.has([endpointOf(a, { state: "unhealthy" }), endpointOf(b, { state: "unhealthy" })]);
  const client = new EchoClient("weir:orders");
  expect(await client.say()).toMatch(
    /^14: no endpoint of default\/orders can take requests \(2 unh/,
  );
  expect(a.connectionCount).toBe(0);
  mesh.has([endpointOf(a), endpointOf(b, { state: "unhealthy" })]);
  expect(await client.tally(4)).toEqual({ a: 4 });
  expect(b.connectionCount).toBe(0);
});

test("without an answer of the control plane calls fail after 5 s, and work when it comes", async () => {
  const [a] = await echoServers("a");
  const clock = new FakeClock();
  const mesh = new ChannelMesh("round_robin", clock);
  mesh.open();
  const client = new EchoClient("weir:orders");
  const early = client.say();
  await waitUntil("it is asked for", 5_000, () => mesh.asked.length === 1);
  clock.advance(5_000);
  expect(await early).toMatch(/^14: no control plane has said yet which endpoints default\/orders/);
  expect(await client.say()).toMatch(/^14: no control plane has said yet/);
  mesh.has([endpointOf(a)]);
  expect(await client.say()).toBe("a");
});

test("where only draining endpoints are left, they take the calls", async () => {
  const [a] = await echoServers("a");
  const mesh = new ChannelMesh();
  mesh.open();
  mesh.has([endpointOf(a, { state: "draining", revision: 1 })]);
  expect(await new EchoClient("weir:orders").tally(3)).toEqual({ a: 3 });
});

test("an endpoint that restarted at its address starts clean", async () => {
  const [a] = await echoServers("a");
  const mesh = new ChannelMesh();
  mesh.open();
  mesh.has([endpointOf(a)]);
  const client = new EchoClient("weir:orders");
  const slow = client.say("hold");
  await waitUntil("it arrived", 5_000, () => a.heldCount === 1);
  mesh.has([endpointOf(a, { process: "a-2" })]);
  expect(await client.say()).toBe("a");
  expect([...mesh.upstream().loads].map(({ inFlight }) => inFlight)).toEqual([0]);
  expect([...mesh.upstream().retired].map(({ inFlight }) => inFlight)).toEqual([1]);
  a.release();
  expect(await slow).toBe("a");
  expect([...mesh.upstream().retired]).toEqual([]);
});

test.each(["weir:Orders", "weir:orders:8080", "weir://orders", "weir:/orders", "weir:a/b/c"])(
  "%s names no service: the client is not made",
  (target) => {
    expect(() => new EchoClient(target)).toThrow(/names no service: write weir:SERVICE, /);
  },
);

test("what the user says of methods counts, with the user's durations", async () => {
  const [a] = await echoServers("a");
  const mesh = new ChannelMesh();
  mesh.open();
  mesh.has([endpointOf(a)]);
  const methodConfig = [{ name: [{ service: "weir.test.Echo" }], timeout: "0.1s" }];
  const client = new EchoClient("weir:orders", {
    "grpc.service_config": JSON.stringify({ methodConfig }),
  });
  expect(await client.say()).toBe("a");
  expect(await client.say("hold")).toMatch(/^4: Deadline exceeded/);
});

test("a channel that went idle wakes up with the endpoints of then", async () => {
  const [a, b] = await echoServers("a", "b");
  const mesh = new ChannelMesh();
  mesh.open();
  mesh.has([endpointOf(a)]);
  const client = new EchoClient("weir:orders", { "grpc.client_idle_timeout_ms": 1_000 });
  expect(await client.say()).toBe("a");
  const channel = client.client.getChannel();
  await waitUntil("it is idle", 10_000, () => {
    return channel.getConnectivityState(false) === connectivityState.IDLE;
  });
  mesh.has([endpointOf(b)]);
  expect(await client.say()).toBe("b");
});

test("a process whose mesh is closed ends by itself, with clients that were never closed", async () => {
  const [a] = await echoServers("a");
  const script = new URL("../support/channel-mesh-program.ts", import.meta.url);
  const child = spawn(process.execPath, [script.pathname, String(a.port)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (text) => {
    output += text;
  });
  const [code] = await once(child, "exit", { signal: AbortSignal.timeout(10_000) });
  expect([code, output.trim()]).toEqual([0, "a"]);
});
