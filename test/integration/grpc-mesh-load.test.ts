import { expect, test } from "vitest";
import { ChannelMesh, endpointOf } from "../support/channel-mesh.ts";
import { EchoClient } from "../support/echo-client.ts";
import { echoServers } from "../support/echo-server.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Calls without a pause, side by side. */
class Load {
  readonly answers: Record<string, number> = {};
  readonly #loops: Promise<void>[];
  #isOver = false;

  constructor(client: EchoClient) {
    this.#loops = Array.from({ length: 16 }, () => this.#call(client));
  }

  /** Until the server of that name answered that many more calls. */
  async until(name: string, more: number): Promise<void> {
    const target = (this.answers[name] ?? 0) + more;
    await waitUntil(`${name} answers`, 10_000, () => (this.answers[name] ?? 0) >= target);
  }

  async end(): Promise<Record<string, number>> {
    this.#isOver = true;
    await Promise.all(this.#loops);
    return this.answers;
  }

  async #call(client: EchoClient): Promise<void> {
    while (!this.#isOver) {
      const answer = await client.say();
      this.answers[answer] = (this.answers[answer] ?? 0) + 1;
    }
  }
}

test("under load one instance after the other drains, is killed and comes back, and no call fails", async () => {
  const [a, b] = await echoServers("a", "b");
  const mesh = new ChannelMesh("least_request");
  mesh.open();
  mesh.has([endpointOf(a), endpointOf(b)]);
  const load = new Load(new EchoClient("weir:orders"));
  await load.until("a", 50);
  await load.until("b", 50);
  mesh.has([endpointOf(a, { state: "draining", revision: 1 }), endpointOf(b)]);
  await waitUntil("a is idle", 10_000, () => mesh.idle.includes("a"));
  a.kill();
  await load.until("b", 50);
  mesh.has([endpointOf(b)]);
  const [a2] = await echoServers("a");
  mesh.has([endpointOf(a2, { process: "a-2" }), endpointOf(b)]);
  await load.until("a", 50);
  mesh.has([endpointOf(a2, { process: "a-2" }), endpointOf(b, { state: "draining", revision: 1 })]);
  await waitUntil("b is idle", 10_000, () => mesh.idle.includes("b"));
  b.kill();
  await load.until("a", 50);
  expect(Object.keys(await load.end()).sort()).toEqual(["a", "b"]);
  expect(mesh.upstream().stats).toMatchObject({ inFlight: 0, failed: 0 });
});

test("under load an instance is killed without a word, and calls that may be repeated do not fail", async () => {
  const [a, b, c] = await echoServers("a", "b", "c");
  const mesh = new ChannelMesh("peak_ewma");
  mesh.open("default", { retryUnavailable: true });
  mesh.has([endpointOf(a), endpointOf(b), endpointOf(c)]);
  const load = new Load(new EchoClient("weir:orders"));
  await load.until("a", 50);
  b.kill();
  await load.until("a", 50);
  mesh.has([endpointOf(a), endpointOf(c)]);
  await load.until("a", 50);
  expect(Object.keys(await load.end()).sort()).toEqual(["a", "b", "c"]);
  expect(mesh.upstream().stats.inFlight).toBe(0);
});
