import type { Socket } from "node:net";

/** Broken connections that are cleaned up in one turn of the event loop. Each costs 0.15 ms, with its streams. */
export const MAX_CLEANED_A_TURN = 32;

/**
 * Cleans connections that broke up a few at a time. When a network fails, thousands break in one turn
 * of the event loop, and HTTP/2 and every stream on them would end in it, too. Until its turn comes, a
 * connection is what it was before its end was noticed: open, and silent.
 *
 * Over TLS, Node destroys another socket than the one that was accepted: such connections end at once.
 */
export class BrokenConnections {
  readonly #noticed: () => void;
  readonly #cleanUps: (() => void)[] = [];

  /** @param noticed called for each that broke: somebody has to call `cleanUpSome` in the next turn. */
  constructor(noticed: () => void) {
    this.#noticed = noticed;
  }

  get isEmpty(): boolean {
    return this.#cleanUps.length === 0;
  }

  /** From now on; whatever else destroys the socket still does so at once. */
  watch(socket: Socket): void {
    const destroy = socket.destroy;
    socket.destroy = (error?: NodeJS.ErrnoException) => {
      // Node destroys a socket with the failure of a read when the peer's reset arrives.
      if (error?.syscall !== "read") return destroy.call(socket, error);
      this.#cleanUps.push(() => destroy.call(socket, error));
      this.#noticed();
      return socket;
    };
  }

  /** In order of their breaking. */
  cleanUpSome(): void {
    for (const cleanUp of this.#cleanUps.splice(0, MAX_CLEANED_A_TURN)) cleanUp();
  }
}
