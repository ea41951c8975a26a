import { lookup } from "node:dns/promises";
import type { AddressInfo, ListenOptions } from "node:net";
import { createServer, isIP, type Server } from "node:net";
import { ConnectionGate, type ConnectionGateOptions } from "./connection-gate.ts";

/** Connections that the kernel takes while the event loop is busy; it allows 4,096 at most by default. */
const BACKLOG = 4_096;

/**
 * libuv takes one connection of a listener in each turn of the event loop. Turns are long while many
 * clients speak, and after the loss of a replica its clients would wait in the kernel until they give
 * up: so several listeners share the port, where the kernel spreads connections over them.
 */
const LISTENERS = process.platform === "linux" ? 8 : 1;

/** How long nobody is let in when too many have not said what they want. */
const PAUSE_MS = 10;

export interface GatedListener {
  readonly port: number;
  /** Nobody new is let in; those that are in stay. */
  close(): void;
}

/** Listens on all addresses of a name, on one port. @throws what Node says when it cannot */
export async function listenGated(
  address: string,
  connections: Pick<ConnectionGateOptions, "open" | "entering">,
): Promise<GatedListener> {
  const colon = address.lastIndexOf(":");
  const hosts = await addressesOf(address.slice(0, colon).replace(/^\[(.*)\]$/, "$1"));
  const gate = new ConnectionGate({
    ...connections,
    nowMs: () => performance.now(),
    nextTurn: (task) => void setImmediate(task),
    later: (task) => void setTimeout(task, PAUSE_MS),
  });
  const servers: Server[] = [];
  const close = (): void => {
    for (const server of servers) server.close();
    gate.close();
  };
  let port = Number(address.slice(colon + 1));
  let failure: unknown;
  for (const host of hosts) {
    try {
      // A shared port would hide that it is in use.
      if (LISTENERS > 1 && port !== 0) await probe(host, port);
      for (let i = 0; i < LISTENERS; i++) {
        const server = createServer((socket) => gate.admit(socket));
        port = await listen(server, { host, port, reusePort: LISTENERS > 1 });
        servers.push(server);
      }
    } catch (error) {
      // A machine without IPv6 has names that lead to it all the same.
      failure ??= error;
    }
  }
  if (servers.length === 0) throw failure;
  return { port, close };
}

async function probe(host: string, port: number): Promise<void> {
  const server = createServer();
  await listen(server, { host, port, reusePort: false });
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

async function addressesOf(host: string): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  const found = await lookup(host, { all: true });
  return [...new Set(found.map(({ address }) => address))];
}

/** @returns the port, which is real when 0 was asked for */
function listen(server: Server, address: ListenOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ ...address, backlog: BACKLOG, exclusive: true }, () => {
      server.off("error", reject);
      // Out of files, for example: the connection is lost, and the next one may not be.
      server.on("error", (error) => process.emitWarning(error));
      resolve((server.address() as AddressInfo).port);
    });
  });
}
