/** Bytes that a watcher receives for one change in a service of many endpoints. */
import { setTimeout as delay } from "node:timers/promises";
import { Client, credentials } from "@grpc/grpc-js";
import { waitUntil } from "../test/support/wait-until.ts";
import { startWeirServer } from "./processes.ts";
import { helloBytes, MessageReader, subscribeBytes } from "./watch-messages.ts";
import { identity, WATCH_PATH } from "./watch-protocol.ts";
import { connectRegistry, register, registerMany } from "./watch-registry.ts";

const TIMEOUT_MS = 60_000;

/** What else arrives with a change arrives within this time, and counts. */
const QUIET_MS = 500;

/** Every message costs five bytes of gRPC frame besides its own. */
const GRPC_FRAME_BYTES = 5;

const CHANGES = 5;

/** The median over a few changes for each size, in bytes. */
export async function measureBytes(sizes: readonly number[]): Promise<Map<number, number>> {
  const server = await startWeirServer();
  const registry = connectRegistry(server.address);
  const results = new Map<number, number>();
  try {
    // All of them first: versions are one sequence, and a larger number takes more bytes.
    for (const size of sizes) await registerMany(registry, serviceOf(size), size);
    for (const size of sizes) {
      const service = serviceOf(size);
      const watcher = new BytesWatcher(server.address, service);
      await waitUntil(`the snapshot of ${service}`, TIMEOUT_MS, () => watcher.hasAnswer);
      const counts: number[] = [];
      for (let change = 1; change <= CHANGES; change++) {
        await delay(QUIET_MS);
        watcher.bytes = 0;
        watcher.hasChange = false;
        await register(registry, service, size >> 1, change);
        await waitUntil(`the change of ${service}`, TIMEOUT_MS, () => watcher.hasChange);
        await delay(QUIET_MS);
        counts.push(watcher.bytes);
      }
      watcher.close();
      results.set(size, counts.toSorted((a, b) => a - b)[counts.length >> 1] ?? 0);
    }
    return results;
  } finally {
    registry.close();
    await server.stop();
  }
}

/** Names of one length: only the size of the service differs. */
function serviceOf(size: number): string {
  return `size-${String(size).padStart(5, "0")}`;
}

class BytesWatcher {
  bytes = 0;
  hasAnswer = false;
  hasChange = false;
  readonly #client: Client;

  constructor(address: string, service: string) {
    this.#client = new Client(address, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
    });
    const stream = this.#client.makeBidiStreamRequest(WATCH_PATH, identity, identity);
    const reader = new MessageReader();
    stream.on("error", () => undefined);
    stream.on("data", (message: Buffer) => {
      const seen = reader.read(message);
      if (seen.isHeartbeat) return;
      this.bytes += message.length + GRPC_FRAME_BYTES;
      this.hasAnswer ||= seen.isAnswer;
      this.hasChange ||= seen.isChange;
      if (seen.ackRequest !== undefined) stream.write(seen.ackRequest);
    });
    stream.write(helloBytes(`bytes-${service}`));
    stream.write(subscribeBytes([service]));
  }

  close(): void {
    this.#client.close();
  }
}
