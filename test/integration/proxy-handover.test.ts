import { Agent, request as httpRequest } from "node:http";
import { afterEach, expect, test } from "vitest";
import { endpointAt, startProxy, startServer, type TestProxy } from "../support/proxy.ts";

/** Long against the requests of these tests: nothing should wait for it. */
const GRACE_MS = 20_000;

/** Clients that ask without a pause, each on a connection that it keeps. */
const CLIENT_COUNT = 8;

const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function proxyTo(port: number, listen?: string, takeOver = false): Promise<TestProxy> {
  const proxy = await startProxy([endpointAt("orders-0", port)], {
    ...(listen === undefined ? {} : { listen }),
    takeOver,
  });
  cleanups.push(() => proxy.pools.destroy());
  return proxy;
}

async function server(): Promise<number> {
  const started = await startServer((_request, response) => response.end("ok"));
  cleanups.push(started.stop);
  return started.port;
}

function ask(port: number, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ agent, port, headers: { host: "orders.weir" } });
    request.on("error", reject);
    request.on("response", (response) => {
      response.resume();
      response.on("error", reject);
      response.on("end", () => resolve(response.headers.connection ?? ""));
    });
    request.end();
  });
}

test("a successor takes the port over and no keep-alive request is lost", async () => {
  const endpoint = await server();
  const former = await proxyTo(endpoint);
  const count = { former: 0, total: 0 };
  let isRunning = true;
  const client = async (): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (isRunning) {
      await ask(former.port, agent);
      count.total += 1;
    }
    agent.destroy();
  };
  const clients = Array.from({ length: CLIENT_COUNT }, client);
  const reach = (total: number) => expect.poll(() => count.total).toBeGreaterThan(total);
  await reach(200);
  const successor = await proxyTo(endpoint, former.address, true);
  cleanups.push(() => successor.listener.stop(0));
  await reach(count.total + 200);
  const stopped = former.listener.stop(GRACE_MS);
  await stopped;
  const served = former.accessLines.length;
  await reach(count.total + 200);
  isRunning = false;
  // A request that was cut would have rejected its client.
  await Promise.all(clients);
  expect(former.accessLines.length).toBe(served);
  expect(successor.accessLines.length).toBeGreaterThan(100);
});

test("a stopping listener finishes what is in flight and asks to close", async () => {
  const waiting: (() => void)[] = [];
  let arrive = (): void => {};
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const slow = await startServer((_request, response) => {
    waiting.push(() => response.end("late"));
    arrive();
  });
  cleanups.push(slow.stop);
  const proxy = await proxyTo(slow.port);
  const agent = new Agent({ keepAlive: true });
  const answer = ask(proxy.port, agent);
  await arrived;
  const stopped = proxy.listener.stop(GRACE_MS);
  for (const finish of waiting) finish();
  expect(await answer).toBe("close");
  await stopped;
  agent.destroy();
});

test("an idle connection is kept through the grace, and served once more", async () => {
  const proxy = await proxyTo(await server());
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  expect(await ask(proxy.port, agent)).toBe("keep-alive");
  const stopped = proxy.listener.stop(GRACE_MS);
  expect(await ask(proxy.port, agent)).toBe("close");
  await stopped;
  agent.destroy();
});

test("without a successor idle connections are closed after their own grace", async () => {
  const proxy = await proxyTo(await server());
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  await ask(proxy.port, agent);
  await proxy.listener.stop(GRACE_MS, 10);
  agent.destroy();
});

test("a port in use is an error that names it and the way out", async () => {
  const endpoint = await server();
  const first = await proxyTo(endpoint);
  cleanups.push(() => first.listener.stop(0));
  const second = proxyTo(endpoint, first.address);
  await expect(second).rejects.toThrow(`port ${first.port}`);
  await expect(proxyTo(endpoint, first.address)).rejects.toThrow("--take-over");
});

test.each([
  { listen: "nonsense", text: "HOST:PORT" },
  { listen: "127.0.0.1:70000", text: "HOST:PORT" },
  { listen: "192.0.2.1:15001", text: "does not have that address" },
])("$listen cannot be listened on: $text", async ({ listen, text }) => {
  await expect(proxyTo(1, listen)).rejects.toThrow(text);
});
