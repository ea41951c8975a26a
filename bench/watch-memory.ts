/** Resident memory per idle watcher, in fresh processes, beside the raw limit. */
import { setTimeout as delay } from "node:timers/promises";
import {
  collectGarbage,
  residentBytes,
  type Server,
  startRawServer,
  startWeirServer,
} from "./processes.ts";
import { fillRegistry, type Shape } from "./watch-deliver.ts";
import { type ServerKind, WATCHED_SERVICES } from "./watch-protocol.ts";
import { RemoteClient } from "./watch-remote.ts";

/** One connection with a few streams first, so that code and one-off buffers are in both figures. */
const WARM_UP: Shape = { connections: 1, streamsPerConnection: 50 };

/** Openings, their answers and ACKs are over, and what they left can be collected. */
const IDLE_MS = 3_000;

const COLLECTIONS = 3;

/** Bytes per stream that the server needs more than before, with `shape` streams open and idle. */
export async function measureMemory(kind: ServerKind, shape: Shape): Promise<number> {
  const server = kind === "weir" ? await startWeirServer() : await startRawServer();
  const clients: RemoteClient[] = [];
  try {
    if (kind === "weir") await fillRegistry(server.address);
    const options = { kind, address: server.address, services: WATCHED_SERVICES };
    clients.push(await RemoteClient.open({ ...options, ...WARM_UP }));
    const before = await idleBytes(server);
    clients.push(await RemoteClient.open({ ...options, ...shape }));
    const after = await idleBytes(server);
    return (after - before) / (shape.connections * shape.streamsPerConnection);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
    await server.stop();
  }
}

async function idleBytes(server: Server): Promise<number> {
  await delay(IDLE_MS);
  for (let i = 0; i < COLLECTIONS; i++) {
    collectGarbage(server.pid);
    await delay(IDLE_MS / COLLECTIONS);
  }
  return residentBytes(server.pid);
}
