import { CallCredentials, Metadata, status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { ChannelMesh, endpointOf } from "../support/channel-mesh.ts";
import { EchoClient } from "../support/echo-client.ts";
import { type EchoServer, echoServers } from "../support/echo-server.ts";
import { waitUntil } from "../support/wait-until.ts";

async function oneServer(): Promise<{ a: EchoServer; mesh: ChannelMesh; client: EchoClient }> {
  const [a] = await echoServers("a");
  const mesh = new ChannelMesh("peak_ewma");
  mesh.open();
  mesh.has([endpointOf(a)]);
  const client = new EchoClient("weir:orders");
  await client.say();
  return { a, mesh, client };
}

test.each([
  { code: status.NOT_FOUND, counts: "succeeded", because: "the application answered" },
  { code: status.RESOURCE_EXHAUSTED, counts: "succeeded", because: "the application answered" },
  { code: status.UNAVAILABLE, counts: "failed", because: "the endpoint cannot" },
  { code: status.INTERNAL, counts: "failed", because: "the endpoint is broken" },
  { code: status.CANCELLED, counts: "cancelled", because: "nobody wanted the answer" },
] as const)("status $code counts as $counts: $because", async ({ code, counts }) => {
  const { mesh, client } = await oneServer();
  const before = mesh.upstream().stats[counts];
  expect(await client.say(`fail ${code}`)).toBe(`${code}: told to fail ${code}`);
  expect(mesh.upstream().stats[counts]).toBe(before + 1);
  expect(mesh.inFlight()).toEqual({ a: 0 });
});

test("a cancelled call and one past its deadline are not in flight any more", async () => {
  const { a, mesh, client } = await oneServer();
  const answer = new Promise<string>((resolve) => {
    const call = client.start("hold", resolve);
    void waitUntil("it arrived", 5_000, () => a.heldCount === 1).then(() => call.cancel());
  });
  expect(await answer).toBe("1: Cancelled on client");
  expect(await client.say("hold", { deadlineMs: 50 })).toMatch(/^4: Deadline exceeded/);
  expect(mesh.inFlight()).toEqual({ a: 0 });
  expect(mesh.upstream().stats).toMatchObject({ succeeded: 1, failed: 1, cancelled: 1 });
});

test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])(
  "a call that is cancelled %i microtasks after it was made is not in flight",
  async (microtasks) => {
    const { mesh, client } = await oneServer();
    const answer = new Promise<string>((resolve) => {
      const call = client.start("hello", resolve);
      let left = microtasks;
      const tick = () => (left-- === 0 ? call.cancel() : queueMicrotask(tick));
      tick();
    });
    expect(await answer).toBe("1: Cancelled on client");
    await waitUntil("nothing is in flight", 5_000, () => mesh.inFlight()["a"] === 0);
    const { begun, succeeded, cancelled } = mesh.upstream().stats;
    expect(begun).toBe(succeeded + cancelled);
  },
);

test("calls that are open when their client closes end, and are counted out", async () => {
  const { a, mesh, client } = await oneServer();
  const answer = client.say("hold");
  await waitUntil("it arrived", 5_000, () => a.heldCount === 1);
  client.client.close();
  expect(mesh.inFlight()).toEqual({ a: 1 });
  a.release();
  expect(await answer).toBe("a");
  expect(mesh.inFlight()).toEqual({ a: 0 });
});

test("a server that is killed leaves nothing in flight", async () => {
  const { a, mesh, client } = await oneServer();
  const answers = Array.from({ length: 3 }, () => client.say("hold"));
  const stream = client.serverStream("hold");
  const ended = new Promise((resolve) => stream.on("error", resolve));
  stream.resume();
  await waitUntil("all arrived", 5_000, () => a.heldCount === 4);
  expect(mesh.inFlight()).toEqual({ a: 4 });
  a.kill();
  for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^14:/);
  await ended;
  expect(mesh.inFlight()).toEqual({ a: 0 });
  expect(await client.say()).toMatch(
    /^14: no connection to any endpoint of default\/orders: connect ECONNREFUSED .*; check that/,
  );
});

test("an endpoint that drains while credentials are fetched is not called", async () => {
  const [a, b] = await echoServers("a", "b");
  const mesh = new ChannelMesh();
  mesh.open();
  mesh.has([endpointOf(a), endpointOf(b)]);
  const client = new EchoClient("weir:orders");
  await waitUntil("both answer", 5_000, async () => {
    return Object.keys(await client.tally(2)).length === 2;
  });
  const fetches: (() => void)[] = [];
  const slow = CallCredentials.createFromMetadataGenerator((_options, done) => {
    fetches.push(() => done(null, new Metadata()));
  });
  const answers = [client.say("hello", { slow }), client.say("hello", { slow })];
  await waitUntil("both wait for credentials", 5_000, () => fetches.length === 2);
  await waitUntil("neither counts", 5_000, () => mesh.upstream().stats.inFlight === 0);
  mesh.has([endpointOf(a), endpointOf(b, { state: "draining", revision: 1 })]);
  const before = b.callCount;
  for (const fetched of fetches.splice(0)) fetched();
  // The one that was meant for b is picked again, and fetches its credentials again.
  await waitUntil("one waits again", 5_000, () => fetches.length === 1);
  for (const fetched of fetches.splice(0)) fetched();
  expect(await Promise.all(answers)).toEqual(["a", "a"]);
  expect(b.callCount).toBe(before);
  expect(mesh.inFlight()).toEqual({ a: 0, b: 0 });
});
