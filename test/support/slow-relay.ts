import { connect, createServer, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { onTestFinished } from "vitest";

/**
 * A way to `targetPort` on which every byte travels alone, in both directions: what no program may
 * notice. Each is given to the kernel in a turn of its own, so that few arrive together.
 * @returns the port to connect to
 */
export async function byteByByte(targetPort: number): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const target = connect({ port: targetPort, host: "127.0.0.1" });
    pass(client, target, sockets);
    pass(target, client, sockets);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function pass(from: Socket, to: Socket, sockets: Set<Socket>): void {
  sockets.add(from);
  to.setNoDelay(true);
  const end = (): void => {
    sockets.delete(from);
    to.destroy();
  };
  from.once("error", end).once("close", end);
  const read = async (): Promise<void> => {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length && to.writable; at++) {
        to.write(chunk.subarray(at, at + 1));
        await turn();
      }
    }
    to.end();
  };
  read().catch(end);
}
