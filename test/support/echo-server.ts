import net from "node:net";
import {
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { onTestFinished } from "vitest";

/** The four kinds of gRPC calls, with plain text as messages. */
export const ECHO_METHODS = {
  unary: method("Unary", false, false),
  clientStream: method("ClientStream", true, false),
  serverStream: method("ServerStream", false, true),
  bidi: method("Bidi", true, true),
};

function method(
  name: string,
  requestStream: boolean,
  responseStream: boolean,
): MethodDefinition<string, string> {
  const write = (text: string) => Buffer.from(text);
  const read = (bytes: Buffer) => bytes.toString();
  return {
    path: `/weir.test.Echo/${name}`,
    requestStream,
    responseStream,
    requestSerialize: write,
    requestDeserialize: read,
    responseSerialize: write,
    responseDeserialize: read,
  };
}

/**
 * A real gRPC server that answers with its name. A request's text says what else it does:
 * `fail N` answers status N, `hold` waits for `release`, streams send two messages.
 */
export class EchoServer {
  readonly name: string;
  readonly #listener = net.createServer((socket) => this.#accept(socket));
  readonly #server = new Server({ "grpc.enable_channelz": 0 });
  readonly #injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
  readonly #sockets = new Set<net.Socket>();
  readonly #held: (() => void)[] = [];
  /** Since it started. */
  connectionCount = 0;
  /** Calls that reached a handler. */
  callCount = 0;
  /** `:authority` of the last call. */
  authority = "";

  constructor(name: string) {
    this.name = name;
    this.#server.addService(ECHO_METHODS, {
      unary: (call: ServerUnaryCall<string, string>, reply: sendUnaryData<string>) => {
        this.#called(call);
        const fail = /^fail (\d+)$/.exec(call.request);
        if (fail !== null) reply({ code: Number(fail[1]), details: `told to ${call.request}` });
        else this.#whenFree(call.request, () => reply(null, name));
      },
      clientStream: (call: ServerReadableStream<string, string>, reply: sendUnaryData<string>) => {
        this.#called(call);
        let count = 0;
        call.on("data", () => count++);
        call.on("end", () => reply(null, `${name} got ${count}`));
      },
      serverStream: (call: ServerWritableStream<string, string>) => {
        this.#called(call);
        call.write(`${name} 1`);
        this.#whenFree(call.request, () => {
          call.write(`${name} 2`);
          call.end();
        });
      },
      bidi: (call: ServerDuplexStream<string, string>) => {
        this.#called(call);
        call.on("data", (text: string) => call.write(`${name} ${text}`));
        call.on("end", () => call.end());
      },
    });
  }

  get port(): number {
    const address = this.#listener.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Connections that are open. */
  get openCount(): number {
    return this.#sockets.size;
  }

  get heldCount(): number {
    return this.#held.length;
  }

  start(): Promise<void> {
    return new Promise((resolve) => this.#listener.listen(0, "127.0.0.1", resolve));
  }

  /** Answers everything that is held. */
  release(): void {
    for (const answer of this.#held.splice(0)) answer();
  }

  /** What SIGKILL does: connections break, and nobody listens. */
  kill(): void {
    this.#listener.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#server.forceShutdown();
  }

  #accept(socket: net.Socket): void {
    this.connectionCount += 1;
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    this.#injector.injectConnection(socket);
  }

  #called(call: { getHost(): string }): void {
    this.callCount += 1;
    this.authority = call.getHost();
  }

  #whenFree(request: string, answer: () => void): void {
    if (request === "hold") this.#held.push(answer);
    else answer();
  }
}

/** Servers `a`, `b`, ... that are gone when the test is. */
export async function echoServers<T extends readonly string[]>(
  ...names: T
): Promise<{ [index in keyof T]: EchoServer }> {
  const servers = names.map((name) => new EchoServer(name));
  await Promise.all(servers.map((server) => server.start()));
  onTestFinished(() => {
    for (const server of servers) server.kill();
  });
  return servers as { [index in keyof T]: EchoServer };
}
