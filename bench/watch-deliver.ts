/** Delivery of one change to many watchers, beside the raw limit. */
import { setTimeout as delay } from "node:timers/promises";
import { median } from "./median.ts";
import { type Server, startRawServer, startWeirServer } from "./processes.ts";
import {
  INSTANCES_PER_SERVICE,
  type RoundTimes,
  type ServerKind,
  WATCHED_SERVICES,
} from "./watch-protocol.ts";
import { connectRegistry, registerMany } from "./watch-registry.ts";
import { RemoteClient } from "./watch-remote.ts";

export interface Shape {
  readonly connections: number;
  readonly streamsPerConnection: number;
}

/** The first rounds compile the hot paths of server and client. */
const WARM_UP_ROUNDS = 5;

/** The ACKs of a round are over when the next one starts. */
const PAUSE_MS = 400;

/** Medians over all rounds: of the last receipt, and of the median receipt. Milliseconds. */
export interface Delivery {
  readonly weir: RoundTimes;
  readonly raw: RoundTimes;
  readonly messageBytes: number;
}

/** Alternates one round of Weir with one round of the raw server. */
export async function measureDelivery(shape: Shape, rounds: number): Promise<Delivery> {
  const servers: Server[] = [];
  const clients: RemoteClient[] = [];
  try {
    const weirServer = await startWeirServer();
    servers.push(weirServer);
    const rawServer = await startRawServer();
    servers.push(rawServer);
    await fillRegistry(weirServer.address);
    const open = async (kind: ServerKind, { address }: Server): Promise<RemoteClient> => {
      const client = await RemoteClient.open({
        kind,
        address,
        ...shape,
        services: WATCHED_SERVICES,
      });
      clients.push(client);
      return client;
    };
    const weir = await open("weir", weirServer);
    const raw = await open("raw", rawServer);
    await delay(PAUSE_MS);
    const { message } = await weir.round();
    // The raw server sends what Weir sent: the same bytes, not only as many.
    await raw.prepare(message);
    for (let round = 0; round < WARM_UP_ROUNDS; round++) await roundOfBoth(weir, raw);
    const times: { weir: RoundTimes; raw: RoundTimes }[] = [];
    for (let round = 0; round < rounds; round++) times.push(await roundOfBoth(weir, raw));
    return {
      weir: medians(times.map((both) => both.weir)),
      raw: medians(times.map((both) => both.raw)),
      messageBytes: Buffer.from(message, "base64").length,
    };
  } finally {
    await Promise.all(clients.map((client) => client.close()));
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/** The services that every watcher watches. */
export async function fillRegistry(address: string): Promise<void> {
  const registry = connectRegistry(address);
  for (const service of WATCHED_SERVICES)
    await registerMany(registry, service, INSTANCES_PER_SERVICE);
  registry.close();
}

async function roundOfBoth(
  weir: RemoteClient,
  raw: RemoteClient,
): Promise<{ weir: RoundTimes; raw: RoundTimes }> {
  await delay(PAUSE_MS);
  const weirTimes = (await weir.round()).times;
  await delay(PAUSE_MS);
  return { weir: weirTimes, raw: (await raw.round()).times };
}

function medians(times: readonly RoundTimes[]): RoundTimes {
  return {
    medianMs: median(times.map(({ medianMs }) => medianMs)),
    lastMs: median(times.map(({ lastMs }) => lastMs)),
  };
}
