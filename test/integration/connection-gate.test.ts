import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { NO_LOCALITY } from "../../src/core/model/instance.ts";
import { controlPlaneAccess } from "../../src/io/control-plane-access.ts";
import { MAX_OPENED_A_TURN } from "../../src/io/grpc/connection-gate.ts";
import { grpcWatchSource } from "../../src/io/grpc/watch-client.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import type { ControlPlaneAccessSettings } from "../../src/ports/control-plane-access.ts";
import type { WatchSource } from "../../src/ports/watch-source.ts";
import { TestCa } from "../support/certificates.ts";
import { quietLog } from "../support/control-plane.ts";
import { at } from "../support/fake-streams.ts";
import { scratchFolder } from "../support/scratch-folder.ts";
import { aSecureServer } from "../support/secure-server.ts";

/** Most of them come in one turn of the event loop, and have spoken before they are let in. */
const AT_ONCE = 2 * MAX_OPENED_A_TURN;

/** Opens a stream on a connection of its own. @returns how it was answered */
function open(source: WatchSource, address: string, agentId: string): Promise<string> {
  const hello = { agentId, isDataPlane: true, locality: NO_LOCALITY, softwareVersion: "1" };
  return new Promise((resolve) => {
    const stream = source.open(at(address), hello, {
      welcome: () => resolve("welcome"),
      update: () => undefined,
      heartbeat: () => undefined,
      drain: () => undefined,
      end: ({ message }) => resolve(message),
    });
    onTestFinished(() => stream.close());
  });
}

/** @returns the different answers */
async function openAll(
  address: string,
  settings: ControlPlaneAccessSettings,
): Promise<Set<string>> {
  const source = grpcWatchSource(controlPlaneAccess(settings, systemClock, quietLog));
  const opened = Array.from({ length: AT_ONCE }, (_, i) => open(source, address, `agent-${i}`));
  return new Set(await Promise.all(opened));
}

/** Takes connections, and ends each as told. @returns how a stream to it ended, and how many connections it took */
async function tryOnce(end: (socket: Socket) => void): Promise<{ message: string; taken: number }> {
  let taken = 0;
  const server = createServer((socket) => {
    taken++;
    socket.on("error", () => undefined);
    end(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const message = await open(grpcWatchSource(), `127.0.0.1:${port}`, "agent");
  return { message, taken };
}

test("many connections at once are all answered", async () => {
  const { address } = await aSecureServer({});
  expect(await openAll(address, {})).toEqual(new Set(["welcome"]));
});

test("so are many with TLS", async () => {
  const ca = new TestCa(scratchFolder());
  const { address } = await aSecureServer({ tls: ca.issue() });
  expect(await openAll(address, { ca: ca.path })).toEqual(new Set(["welcome"]));
});

test("who breaks off while waiting hinders nobody", async () => {
  const { address } = await aSecureServer({});
  const port = Number(address.slice(address.lastIndexOf(":") + 1));
  for (let i = 0; i < AT_ONCE; i++) {
    const socket = connect(port, "127.0.0.1", () => socket.resetAndDestroy());
  }
  expect(await openAll(address, {})).toEqual(new Set(["welcome"]));
});

test("who was cut off does not come a second time to find out why", async () => {
  const { message, taken } = await tryOnce((socket) => socket.resetAndDestroy());
  expect(message).toContain("ECONNRESET");
  expect(taken).toBe(1);
});

test("who was not understood does", async () => {
  const { taken } = await tryOnce((socket) => socket.end());
  expect(taken).toBe(2);
});
