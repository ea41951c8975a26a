import { createServer, type Server } from "node:net";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { ListenAddress } from "./listen-address.ts";

/** Several processes may hold a port only where the kernel spreads connections over them. */
const CAN_SHARE_PORTS = process.platform === "linux";

/**
 * Binds so that a successor can take over the port while this process still serves it. Sharing
 * would hide a port in use, so without `takeOver` a plain bind is tried first.
 *
 * @param takeOver share the port with the process that holds it.
 * @throws MeshError when the address cannot be bound: says which and what to do.
 */
export async function bind(
  server: Server,
  address: ListenAddress,
  takeOver: boolean,
): Promise<void> {
  if (takeOver && !CAN_SHARE_PORTS) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      "taking over a port needs Linux: stop the running agent first",
    );
  }
  if (!takeOver && CAN_SHARE_PORTS && address.port !== 0) await probe(address);
  await listen(server, address, CAN_SHARE_PORTS);
}

async function probe(address: ListenAddress): Promise<void> {
  const server = createServer();
  await listen(server, address, false);
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

function listen(server: Server, address: ListenAddress, reusePort: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => reject(bindError(address, error));
    server.once("error", onError);
    server.listen({ ...address, reusePort, exclusive: true }, () => {
      server.off("error", onError);
      resolve();
    });
  });
}

function bindError({ host, port }: ListenAddress, error: NodeJS.ErrnoException): MeshError {
  return new MeshError(
    "INVALID_ARGUMENT",
    `cannot listen on ${host} port ${port}: ${adviceFor(error)}`,
    { cause: error },
  );
}

function adviceFor(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "EADDRINUSE":
      return "another process holds it; stop that one, choose another port, or take the port over with --take-over";
    case "EACCES":
      return "not permitted; choose a port above 1023";
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return "this machine does not have that address";
    default:
      return error.message;
  }
}
