import type { Socket } from "node:net";
import { type CallCredentials, ChannelCredentials, type experimental } from "@grpc/grpc-js";

type SecureConnector = experimental.SecureConnector;
type CreateArguments = Parameters<ChannelCredentials["_createSecureConnector"]>;

/**
 * Credentials that remember the sockets of their channel, so that closing the channel closes
 * them. Without this, a channel that is closed while it waits for a frozen server's settings
 * leaves its connection open until the server ends it: an agent would collect one for each
 * attempt, until it may open no file any more.
 * Source: grpc-js 1.14, subchannel.ts: only a subchannel that is ready shuts its transport down.
 */
export class OwnedSockets extends ChannelCredentials {
  readonly #inner: ChannelCredentials;
  readonly #sockets = new Set<Socket>();
  #isClosed = false;

  constructor(inner: ChannelCredentials) {
    super();
    this.#inner = inner;
  }

  /** Cuts every connection, and each that is still on its way. */
  destroy(): void {
    this.#isClosed = true;
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  _isSecure(): boolean {
    return this.#inner._isSecure();
  }

  /** Never equal to others: their channels would share connections. */
  _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  _createSecureConnector(
    target: CreateArguments[0],
    options: CreateArguments[1],
    callCredentials?: CallCredentials,
  ): SecureConnector {
    const inner = this.#inner._createSecureConnector(target, options, callCredentials);
    return {
      connect: (socket) => {
        this.#own(socket);
        return inner.connect(socket);
      },
      waitForReady: () => inner.waitForReady(),
      getCallCredentials: () => inner.getCallCredentials(),
      destroy: () => inner.destroy(),
    };
  }

  #own(socket: Socket): void {
    if (this.#isClosed) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }
}
