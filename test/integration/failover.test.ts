import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { REBALANCE_WINDOW_MS } from "../../src/apps/control-plane/stream-turnover.ts";
import { NO_LOCALITY } from "../../src/core/model/instance.ts";
import { CONNECT_WATCHDOG_MS } from "../../src/data-plane/connection-loop.ts";
import { EndpointWatch } from "../../src/data-plane/endpoint-watch.ts";
import { ReplicaList } from "../../src/data-plane/replica-list.ts";
import { connectApi } from "../../src/io/grpc/api-client.ts";
import { allowAll } from "../../src/io/grpc/authorize.ts";
import { HealthRegistry } from "../../src/io/grpc/health.ts";
import { startGrpcServer } from "../../src/io/grpc/server.ts";
import { grpcWatchSource } from "../../src/io/grpc/watch-client.ts";
import { weirServices } from "../../src/io/grpc/weir-services.ts";
import { openListenerSecurity } from "../../src/io/listener-security.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import type { InstanceListing } from "../../src/ports/control-plane-api.ts";
import type { ReplicaAddress } from "../../src/ports/destination.ts";
import { aControlPlane, quietLog } from "../support/control-plane.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { freePort } from "../support/free-port.ts";
import { aControlPlaneServer, aMesh, aServer, registered } from "../support/mesh.ts";
import { waitUntil } from "../support/wait-until.ts";
import { WATCHES_NOTHING } from "../support/watches-nothing.ts";
import { WeirProcess } from "../support/weir-process.ts";

const WITHIN_MS = 15_000;

/** A control plane in a process of its own, that can be killed and come back to its address. */
async function aServerProcess(replicaId: string) {
  const address = `127.0.0.1:${await freePort()}`;
  const admin = `127.0.0.1:${await freePort()}`;
  const args = ["server", "--listen", address, "--admin", admin, "--replica-id", replicaId];
  const start = async () => {
    const process = new WeirProcess([...args, "--settle-after", "0s"]);
    onTestFinished(async () => void (await process.end("SIGKILL")));
    await waitUntil(`${replicaId} at ${address}`, WITHIN_MS, () => isUp(address));
    return process;
  };
  return { replicaId, address, start };
}

async function isUp(address: string): Promise<boolean> {
  const api = connectApi(address);
  try {
    await api.status();
    return true;
  } catch {
    return false;
  } finally {
    api.close();
  }
}

async function instancesAt(address: string): Promise<InstanceListing[]> {
  const api = connectApi(address);
  try {
    return await api.listInstances("default", "orders", new Map());
  } catch {
    return [];
  } finally {
    api.close();
  }
}

const shown = (listings: readonly InstanceListing[]) =>
  listings.map(({ instance: { id, registrationId, generation } }) => ({
    id,
    registrationId,
    generation,
  }));

test("a registration moves with its process id and the next generation when its replica is killed, and does not flap when that one returns", async () => {
  const planes = [await aServerProcess("r1"), await aServerProcess("r2")];
  const processes = await Promise.all(planes.map(({ start }) => start()));
  const addresses = planes.map(({ address }) => address);
  const mesh = await aMesh("", { controlPlane: addresses });
  await mesh.register({ service: "orders", id: "mine", port: 8_080 });
  const held = await Promise.all(addresses.map(instancesAt));
  const first = held.findIndex((listings) => listings.length === 1);
  const before = shown(held[first] ?? []);
  expect(before).toMatchObject([{ id: "mine", generation: 1 }]);
  const other = addresses[1 - first] ?? "";

  await processes[first]?.end("SIGKILL");
  await waitUntil("the other replica's registration", WITHIN_MS, async () => {
    return (await instancesAt(other)).length === 1;
  });
  const moved = before.map((listing) => ({ ...listing, generation: 2 }));
  expect(shown(await instancesAt(other))).toEqual(moved);

  await planes[first]?.start();
  // Whatever comes next goes where the session is.
  await mesh.register({ service: "orders", id: "next", port: 8_081 });
  expect(shown(await instancesAt(other))).toMatchObject([...moved, { id: "next", generation: 1 }]);
  expect(await instancesAt(addresses[first] ?? "")).toEqual([]);
});

test("a replica that is frozen while an agent connects costs 5 s, and the next one answers", async () => {
  const [frozen, live] = [await aServerProcess("r1"), await aServerProcess("r2")];
  const [stopped] = await Promise.all([frozen.start(), live.start()]);
  stopped.child.kill("SIGSTOP");
  const clock = new FakeClock();
  // In the order in which they are named.
  const random = () => 0;
  const watch = new EndpointWatch({
    source: grpcWatchSource(),
    replicas: new ReplicaList([frozen.address, live.address], random),
    hello: { agentId: "a", isDataPlane: true, locality: NO_LOCALITY, softwareVersion: "1" },
    services: WATCHES_NOTHING,
    clock,
    random,
    log: quietLog,
  });
  onTestFinished(() => watch.stop());
  watch.start();
  clock.advance(CONNECT_WATCHDOG_MS - 1);
  expect(watch.state).toMatchObject({ isConnected: false, problem: "" });
  clock.advance(1);
  expect(watch.state.problem).toBe("no answer within 5 s");
  clock.advance(1);
  await waitUntil("the other one's welcome", WITHIN_MS, () => watch.state.isConnected);
  expect(watch.state).toMatchObject({ address: live.address, replicaId: "r2" });
});

test("a mesh over two control planes goes on with the other one, and loses no request", async () => {
  const { port } = await aServer((_request, response) => response.end("served"));
  const servers = [
    await aControlPlaneServer({ replicaId: "r1" }),
    await aControlPlaneServer({ replicaId: "r2" }),
  ];
  for (const { address } of servers) await registered(address, "orders-1", port);
  const addresses = servers.map(({ address }) => address);
  const mesh = await aMesh("", { controlPlane: addresses, subscribe: ["orders"] });
  expect(await (await mesh.fetch("http://orders.weir/")).text()).toBe("served");
  const moved = once(mesh, "connected");
  const answers: Promise<number>[] = [];
  const stopped = serverOf(servers, await watcherOf(addresses)).stop();
  for (let i = 0; i < 50; i++) {
    answers.push(mesh.fetch("http://orders.weir/").then(({ status }) => status));
  }
  await stopped;
  await moved;
  expect(await watcherOf(addresses)).toHaveLength(1);
  expect(new Set(await Promise.all(answers))).toEqual(new Set([200]));
});

test("a replica that only a server told of is enough when that server is gone", async () => {
  const told = `127.0.0.1:${await freePort()}`;
  const second = await aControlPlaneServer({ listen: told, replicaId: "r2" });
  const first = await aControlPlaneServer({ replicaId: "r1", advertise: told });
  const mesh = await aMesh(first.address);
  const connected = once(mesh, "connected");
  await first.stop();
  expect((await connected)[0]).toEqual({ address: told, replicaId: "r2" });
  await second.stop();
});

test("a replica that joins gets the streams that are sent elsewhere, though nobody configured it", async () => {
  const clock = new FakeClock();
  const peers: ReplicaAddress[] = [];
  const plane = aControlPlane(clock, { peers: () => peers });
  const { replica: registry, watches, admin, policies } = plane;
  const health = new HealthRegistry();
  const services = weirServices({
    registry,
    watches,
    admin,
    policies,
    authorizer: allowAll,
    health,
  });
  const security = openListenerSecurity({ tls: {} }, systemClock, quietLog);
  const first = await startGrpcServer("127.0.0.1:0", services, security);
  onTestFinished(async () => {
    security.stop();
    await first.stop();
  });
  const mesh = await aMesh(first.address);
  await mesh.register({ service: "orders", id: "mine", port: 8_080 });
  const connected = once(mesh, "connected");

  const second = await aControlPlaneServer({ replicaId: "joined" });
  peers.push({ replicaId: "cp", address: first.address });
  peers.push({ replicaId: "joined", address: second.address });
  expect(plane.turnover.rebalance(1)).toBe(2);
  for (let ms = 0; ms <= REBALANCE_WINDOW_MS; ms += 1_000) clock.advance(1_000);

  expect((await connected)[0]).toEqual({ address: second.address, replicaId: "joined" });
  await waitUntil("the registration's move", WITHIN_MS, async () => {
    return (await instancesAt(second.address)).length === 1;
  });
  expect(shown(await instancesAt(second.address))).toMatchObject([{ id: "mine", generation: 2 }]);
});

/** The addresses of the servers that have an agent. */
async function watcherOf(addresses: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const address of addresses) {
    const api = connectApi(address);
    try {
      const agents = await api.listAgents();
      if (agents.some(({ state }) => state !== "disconnected")) found.push(address);
    } catch {
      // Gone.
    } finally {
      api.close();
    }
  }
  return found;
}

function serverOf<Server extends { readonly address: string }>(
  servers: readonly Server[],
  [address]: readonly string[],
): Server {
  const server = servers.find((candidate) => candidate.address === address);
  if (server === undefined) throw new Error("no server has an agent");
  return server;
}
