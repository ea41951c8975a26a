import { execFile } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { Mesh } from "../../src/apps/library/main.ts";
import { connectApi } from "../../src/io/grpc/api-client.ts";
import { quietLog } from "../support/control-plane.ts";
import { freePort } from "../support/free-port.ts";
import { aControlPlaneServer, aMesh, aServer, registered } from "../support/mesh.ts";
import { scratchFolder } from "../support/scratch-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const WITHIN_MS = 10_000;

async function states(address: string, service = "orders") {
  const api = connectApi(address);
  try {
    const listed = await api.listInstances("default", service, new Map());
    return listed.map(({ instance, state }) => `${instance.id} ${state}`).sort();
  } finally {
    api.close();
  }
}

test("register keeps a lease, says how the instance is, and deregisters at the end", async () => {
  const { address } = await aControlPlaneServer();
  await registered(address, "other", 9_999);
  const mesh = await aMesh(address);
  const registration = await mesh.register({ service: "orders", id: "mine", port: 8_080 });
  expect(registration).toMatchObject({ id: "mine", status: "registered" });
  registration.setHealthy(false, "warming up");
  await waitUntil("unhealthy", WITHIN_MS, async () =>
    (await states(address)).includes("mine unhealthy"),
  );
  registration.setHealthy(true);
  await waitUntil("healthy", WITHIN_MS, async () =>
    (await states(address)).includes("mine healthy"),
  );
  expect(await registration.close()).toMatchObject({ outcome: "safe", pending: [] });
  expect(await states(address)).toEqual(["other healthy"]);
});

test("close waits until a request of somebody else to its instance has ended", async () => {
  const { address } = await aControlPlaneServer();
  let finish = () => undefined as unknown;
  const { port } = await aServer((_, response) => {
    finish = () => response.end("done");
  });
  await registered(address, "other", port, {
    defaults: { protocol: "http1", policy: "round_robin" },
  });
  const client = await aMesh(address);
  const server = await aMesh(address);
  const registration = await server.register({ service: "orders", id: "mine", port });
  await waitUntil("both are known", WITHIN_MS, async () => {
    const pick = await client.pick("orders");
    pick.end("success");
    return pick.id === "mine";
  });
  const pick = await (async () => {
    for (;;) {
      const next = await client.pick("orders");
      if (next.id === "mine") return next;
      next.end("success");
    }
  })();
  let isClosed = false;
  const closed = registration.close().then((report) => {
    isClosed = true;
    return report;
  });
  await waitUntil("draining", WITHIN_MS, async () =>
    (await states(address)).includes("mine draining"),
  );
  expect(isClosed).toBe(false);
  finish();
  pick.end("success");
  expect(await closed).toMatchObject({ outcome: "safe" });
});

test("the last instance of a service does not hold up its program's end", async () => {
  const { address } = await aControlPlaneServer();
  await aMesh(address, { subscribe: ["orders"] });
  const mesh = await aMesh(address);
  const registration = await mesh.register({ service: "orders", port: 8_080 });
  expect(registration.id).toMatch(/:8080$/);
  const report = await registration.close(600_000);
  expect(report?.pending.map(({ reason }) => reason)).toEqual(["last-endpoint"]);
  expect(await states(address).catch(() => [])).toEqual([]);
});

test("one id twice in one process is an error; after a close it is free again", async () => {
  const { address } = await aControlPlaneServer();
  const mesh = await aMesh(address);
  const first = await mesh.register({ service: "orders", id: "a", port: 8_080 });
  await expect(mesh.register({ service: "orders", id: "a", port: 8_081 })).rejects.toMatchObject({
    code: "ALREADY_REGISTERED",
    message: expect.stringContaining("default/orders/a"),
  });
  await first.close(0);
  expect(await mesh.register({ service: "orders", id: "a", port: 8_081 })).toMatchObject({
    id: "a",
  });
});

test("a second process takes an id over, and the first one hears of it and stops", async () => {
  const { address } = await aControlPlaneServer();
  const first = await aMesh(address);
  const second = await aMesh(address);
  const registration = await first.register({ service: "orders", id: "a", port: 8_080 });
  const told = once(first, "registration");
  await second.register({ service: "orders", id: "a", port: 8_081 });
  expect((await told)[0]).toMatchObject({ key: "default/orders/a", status: "superseded" });
  expect(registration.status).toBe("superseded");
});

test.each([
  { options: { service: "Orders!", port: 1 }, says: "service" },
  { options: { service: "orders", port: 99_999 }, says: "port" },
  { options: { service: "orders" }, says: "port" },
  { options: { service: "orders", port: 1, metadata: { "bad key!": "x" } }, says: "metadata" },
  { options: { service: "orders", port: 1, wieght: 3 }, says: "did you mean weight?" },
])("register names the bad field: $says", async ({ options, says }) => {
  const { address } = await aControlPlaneServer();
  const mesh = await aMesh(address);
  await expect(mesh.register(options)).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining(says),
  });
});

test.each([
  { options: { policy: "fastest" }, says: "policy" },
  { options: { controlPlane: ["nowhere"] }, says: "controlPlane" },
  { options: { timeouts: { connect: 5 } }, says: "timeouts.connect" },
  { options: { servces: [] }, says: "did you mean services?" },
])("connect names the bad option: $says", async ({ options, says }) => {
  await expect(Mesh.connect(options as object)).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining(says),
  });
});

test("without a control plane connect fails in time, and says how to get one", async () => {
  const controlPlane = [`127.0.0.1:${await freePort()}`];
  const failed = Mesh.connect({ controlPlane, timeoutMs: 300, log: quietLog });
  await expect(failed).rejects.toMatchObject({
    code: "UNREACHABLE",
    message: expect.stringContaining("weir server"),
  });
  const abort = new AbortController();
  const aborted = Mesh.connect({ controlPlane, signal: abort.signal, log: quietLog });
  abort.abort(new Error("enough"));
  await expect(aborted).rejects.toThrow("enough");
});

test("what an earlier run knew is enough to start without a control plane", async () => {
  const { address, stop } = await aControlPlaneServer();
  const { port } = await aServer((_, response) => response.end("served"));
  await registered(address, "a", port);
  const stateDir = scratchFolder();
  const first = await aMesh(address, { stateDir, subscribe: ["orders"] });
  await first.close();
  await stop();
  const second = await aMesh(address, { stateDir, subscribe: ["orders"] });
  expect(second.isConnected).toBe(false);
  expect(await (await second.fetch("http://orders.weir/")).text()).toBe("served");
});

test("pick waits for an endpoint, counts it until its end, and goes elsewhere the second time", async () => {
  const { address } = await aControlPlaneServer();
  const mesh = await aMesh(address);
  const waiting = mesh.pick("orders", { timeoutMs: WITHIN_MS });
  await registered(address, "a", 8_080);
  const first = await waiting;
  expect(first).toMatchObject({
    id: "a",
    host: "127.0.0.1:8080",
    port: 8_080,
    address: "127.0.0.1",
  });
  expect(first.load.inFlight).toBe(1);
  await registered(address, "b", 8_081);
  await waitUntil("b is known", WITHIN_MS, async () => {
    using pick = await mesh.pick("orders", { tried: [first] });
    return pick.id === "b";
  });
  first.end("success");
  first.end("failure");
  expect(first.load.inFlight).toBe(0);
});

test("pick: no endpoint in time, an unknown service, and an aborted wait", async () => {
  const { address } = await aControlPlaneServer();
  await registered(address, "a", 8_080);
  const api = connectApi(address);
  onTestFinished(() => api.close());
  const mesh = await aMesh(address);
  await expect(mesh.pick("nobody", { timeoutMs: 50 })).rejects.toMatchObject({
    code: "SERVICE_NOT_FOUND",
    message: expect.stringContaining("default/nobody"),
  });
  const lease = { namespace: "default", service: "orders", instanceId: "a", registrationId: "" };
  (await mesh.pick("orders")).end("success");
  await api.deregister(lease);
  await waitUntil("nobody is left", WITHIN_MS, () =>
    mesh.pick("orders", { timeoutMs: 1 }).then(
      (pick) => pick.end("cancelled"),
      ({ code }: { code: string }) => code === "NO_ENDPOINT",
    ),
  );
  const abort = new AbortController();
  const waiting = mesh.pick("orders", { timeoutMs: WITHIN_MS, signal: abort.signal });
  abort.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
});

test("without its control plane a mesh says so, and serves on", async () => {
  const { address, stop } = await aControlPlaneServer();
  const { port } = await aServer((_, response) => response.end("served"));
  await registered(address, "a", port);
  const mesh = await aMesh(address, { subscribe: ["orders"] });
  const gone = once(mesh, "disconnected");
  await stop();
  expect((await gone)[0]).toMatchObject({ address, problem: expect.stringMatching(/./) });
  expect(mesh.isConnected).toBe(false);
  expect(await (await mesh.fetch("http://orders.weir/")).text()).toBe("served");
});

test("a closed mesh refuses everything with a sentence, and closing twice is closing once", async () => {
  const { address } = await aControlPlaneServer();
  const mesh = await aMesh(address);
  await Promise.all([mesh.close(), mesh.close()]);
  const closed = { code: "CLOSED", message: expect.stringContaining("Mesh.connect()") };
  await expect(mesh.fetch("http://orders.weir/")).rejects.toMatchObject(closed);
  await expect(mesh.pick("orders")).rejects.toMatchObject(closed);
  await expect(mesh.register({ service: "orders", port: 1 })).rejects.toMatchObject(closed);
});

/** A server that has taken a request and holds its answer back. */
async function holding() {
  const { address } = await aControlPlaneServer();
  const arrived = Promise.withResolvers<() => void>();
  const { port } = await aServer((_, response) => arrived.resolve(() => response.end("done")));
  await registered(address, "a", port);
  const mesh = await aMesh(address);
  const answer = mesh.fetch("http://orders.weir/");
  return { mesh, answer, finish: await arrived.promise };
}

test("close lets a request under way end", async () => {
  const { mesh, answer, finish } = await holding();
  const closed = mesh.close();
  finish();
  expect(await (await answer).text()).toBe("done");
  await closed;
});

test("a request that outlasts the close is cut with a sentence, and not sent again", async () => {
  const { mesh, answer } = await holding();
  const failed = expect(answer).rejects.toMatchObject({
    code: "CLOSED",
    message: expect.stringContaining("orders.weir"),
  });
  await mesh.close(1);
  await failed;
  expect(mesh.inFlight).toBe(0);
});

test("after close nothing keeps the process alive", async () => {
  const { address } = await aControlPlaneServer();
  const program = fileURLToPath(new URL("../support/closing-program.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, address], {
    // A handle that is left would hold the process until this ends it; waits of the library end sooner.
    timeout: 8_000,
  });
  expect(stdout).toBe("served\nclosed\n");
});
