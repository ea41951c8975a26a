import { connect, createServer, type Server, type Socket } from "node:net";
import { freePort } from "./free-port.ts";

/**
 * A TCP connection's way from one program to another, which a test can cut: like a network that
 * loses everything, not like a peer that hangs up. What was sent meanwhile arrives late or never.
 */
export class TcpRelay {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  private constructor(port: number, server: Server) {
    this.port = port;
    this.#server = server;
  }

  /** Listens on a loopback port and passes everything on to `targetPort`. */
  static async start(targetPort: number): Promise<TcpRelay> {
    const server = createServer({ allowHalfOpen: true });
    const port = await freePort();
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    });
    const relay = new TcpRelay(port, server);
    server.on("connection", (client) => relay.#accept(client, targetPort));
    return relay;
  }

  /** Nothing passes any more, in both directions; connections stay open, and new ones hear nothing. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** Everything passes again, first what waited. */
  heal(): void {
    this.#isCut = false;
    for (const socket of this.#sockets) socket.resume();
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(client: Socket, targetPort: number): void {
    const target = connect({ port: targetPort, host: "127.0.0.1", allowHalfOpen: true });
    this.#pass(client, target);
    this.#pass(target, client);
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on("data", (bytes: Buffer) => to.write(bytes));
    from.once("end", () => to.end());
    from.once("error", () => to.destroy());
    from.once("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    if (this.#isCut) from.pause();
  }
}
