import { createServer, type Socket } from "node:net";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { NO_LOCALITY } from "../../src/core/model/instance.ts";
import { CONNECT_WATCHDOG_MS } from "../../src/data-plane/connection-loop.ts";
import { EndpointWatch } from "../../src/data-plane/endpoint-watch.ts";
import { ReplicaList } from "../../src/data-plane/replica-list.ts";
import { controlPlaneAccess } from "../../src/io/control-plane-access.ts";
import type { ChannelAccess } from "../../src/io/grpc/channel-access.ts";
import { grpcWatchSource } from "../../src/io/grpc/watch-client.ts";
import { systemNameResolver } from "../../src/io/host-lookup.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import type { NameResolver } from "../../src/ports/name-resolver.ts";
import { TestCa } from "../support/certificates.ts";
import { quietLog } from "../support/control-plane.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeLog } from "../support/fake-streams.ts";
import { aControlPlaneServer } from "../support/mesh.ts";
import { scratchFolder } from "../support/scratch-folder.ts";
import { aSecureServer } from "../support/secure-server.ts";
import { waitUntil } from "../support/wait-until.ts";
import { WATCHES_NOTHING } from "../support/watches-nothing.ts";

const WITHIN_MS = 10_000;

let clock: FakeClock;

beforeEach(() => {
  clock = new FakeClock();
});

/** Watches nothing, by one name. */
function watching(name: string, resolver: NameResolver, access?: ChannelAccess): EndpointWatch {
  const random = () => 0;
  const watch = new EndpointWatch({
    source: grpcWatchSource(access),
    replicas: new ReplicaList([name], random),
    resolver,
    hello: { agentId: "a", isDataPlane: true, locality: NO_LOCALITY, softwareVersion: "1" },
    services: WATCHES_NOTHING,
    clock,
    random,
    log: new FakeLog(),
  });
  onTestFinished(() => watch.stop());
  watch.start();
  return watch;
}

const portOf = (address: string) => address.slice(address.lastIndexOf(":") + 1);

/** Accepts connections at another loopback address, and says nothing. */
async function aFrozenServer(host: string, port: string): Promise<Socket[]> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.resume();
    sockets.push(socket);
  });
  await new Promise<void>((resolve) => server.listen(Number(port), host, () => resolve()));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return sockets;
}

test("behind a name with a frozen and a live address, the live one is reached after 5 s", async () => {
  const { address } = await aControlPlaneServer();
  const port = portOf(address);
  const sockets = await aFrozenServer("127.0.0.2", port);
  const resolver = { addresses: async () => ["127.0.0.2", "127.0.0.1"] };
  const watch = watching(`weir.internal:${port}`, resolver);
  await waitUntil("the frozen connection", WITHIN_MS, () => sockets.length === 1);
  clock.advance(CONNECT_WATCHDOG_MS);
  clock.advance(1);
  await waitUntil("the welcome", WITHIN_MS, () => watch.state.isConnected);
  expect(watch.state.address).toBe(`weir.internal:${port}`);
});

test("behind a name with a dead and a live address, the live one is reached at once", async () => {
  const { address } = await aControlPlaneServer();
  const port = portOf(address);
  const resolver = { addresses: async () => ["127.0.0.3", "127.0.0.1"] };
  const watch = watching(`weir.internal:${port}`, resolver);
  await waitUntil("the failure", WITHIN_MS, () => watch.state.problem.includes("ECONNREFUSED"));
  clock.advance(1);
  await waitUntil("the welcome", WITHIN_MS, () => watch.state.isConnected);
});

test("a resolver that is down at the start is asked again", async () => {
  const { address } = await aControlPlaneServer();
  let isDown = true;
  const resolver = {
    addresses: async () => {
      if (isDown) throw new Error("getaddrinfo EAI_AGAIN weir.internal");
      return ["127.0.0.1"];
    },
  };
  const watch = watching(`weir.internal:${portOf(address)}`, resolver);
  await waitUntil("the failure", WITHIN_MS, () => watch.state.problem.includes("EAI_AGAIN"));
  isDown = false;
  clock.advance(1);
  await waitUntil("the welcome", WITHIN_MS, () => watch.state.isConnected);
});

test("a certificate is checked against the name, not against its address", async () => {
  const ca = new TestCa(scratchFolder());
  const { address } = await aSecureServer({ tls: ca.issue({ names: "DNS:weir.internal" }) });
  const port = portOf(address);
  const access = controlPlaneAccess({ ca: ca.path }, systemClock, quietLog);
  const resolver = { addresses: async () => ["127.0.0.1"] };
  const right = watching(`weir.internal:${port}`, resolver, access);
  await waitUntil("the welcome", WITHIN_MS, () => right.state.isConnected);
  const wrong = watching(`other.internal:${port}`, resolver, access);
  await waitUntil("the failure", WITHIN_MS, () => wrong.state.problem !== "");
  expect(wrong.state.isConnected).toBe(false);
});

test("the system's resolver knows localhost, and a server of IPv4 alone is reached by it", async () => {
  const { address } = await aControlPlaneServer();
  const watch = watching(`localhost:${portOf(address)}`, systemNameResolver);
  await waitUntil("the welcome", WITHIN_MS, () => {
    clock.advance(250);
    return watch.state.isConnected;
  });
});

test("an IPv6 address alone is enough", async () => {
  const { address } = await aControlPlaneServer({ listen: "[::1]:0" });
  const resolver = { addresses: async () => ["::1"] };
  const watch = watching(`weir.internal:${portOf(address)}`, resolver);
  await waitUntil("the welcome", WITHIN_MS, () => watch.state.isConnected);
});
