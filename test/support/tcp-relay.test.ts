import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { TcpRelay } from "./tcp-relay.ts";
import { waitUntil } from "./wait-until.ts";

const PATIENCE_MS = 5_000;

/** Answers everything in capitals. */
async function startEcho(): Promise<number> {
  const server = createServer((socket) => {
    socket.on("data", (bytes) => socket.write(bytes.toString().toUpperCase()));
    socket.on("error", () => undefined);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function dial(port: number): Promise<{ socket: Socket; heard: () => string }> {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  let text = "";
  socket.on("data", (bytes) => {
    text += bytes.toString();
  });
  await once(socket, "connect");
  return { socket, heard: () => text };
}

test("passes on both ways, holds everything while cut, and delivers it late", async () => {
  const relay = await TcpRelay.start(await startEcho());
  onTestFinished(() => relay.stop());
  const before = await dial(relay.port);
  before.socket.write("a");
  await waitUntil("the answer", PATIENCE_MS, () => before.heard() === "A");
  relay.cut();
  before.socket.write("b");
  const during = await dial(relay.port);
  during.socket.write("c");
  // A connection beside the relay: when it has its answer, the others would have had theirs.
  const beside = await TcpRelay.start(await startEcho());
  onTestFinished(() => beside.stop());
  const other = await dial(beside.port);
  other.socket.write("d");
  await waitUntil("the answer beside", PATIENCE_MS, () => other.heard() === "D");
  expect([before.heard(), during.heard()]).toEqual(["A", ""]);
  relay.heal();
  await waitUntil("late answers", PATIENCE_MS, () => before.heard() === "AB");
  await waitUntil("late answers", PATIENCE_MS, () => during.heard() === "C");
});

test("an end of one side ends the other", async () => {
  const relay = await TcpRelay.start(await startEcho());
  onTestFinished(() => relay.stop());
  const { socket } = await dial(relay.port);
  socket.end();
  await once(socket, "close");
  expect(socket.readableEnded).toBe(true);
});
