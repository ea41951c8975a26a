import type { Socket } from "node:net";

/**
 * Connections that were let in and have not called yet. Clients that share a slow machine or network
 * answer in bursts, and the event loop handles all that has arrived in one turn: half a millisecond each.
 */
export const MAX_ENTERING = 512;

/** Who calls nothing for so long keeps nobody else out: at least 512 connections a second are let in. */
export const ENTERING_MS = 1_000;

/** Who is between being let in and the first call. */
export class EnteringConnections {
  readonly #nowMs: () => number;
  /** Since when, by peer; in order of their coming. */
  readonly #sinceMs = new Map<string, number>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get isFull(): boolean {
    if (this.#sinceMs.size < MAX_ENTERING) return false;
    this.#forgetSilent();
    return this.#sinceMs.size >= MAX_ENTERING;
  }

  came({ remoteAddress, remotePort }: Socket): void {
    // One that is gone already has no address, and will not call.
    if (remoteAddress !== undefined) {
      this.#sinceMs.set(`${remoteAddress}:${remotePort}`, this.#nowMs());
    }
  }

  /** Once for each call, so it costs nothing while nobody is entering. @param call as grpc-js has it */
  called(call: { getPeer(): string }): void {
    if (this.#sinceMs.size > 0) this.#sinceMs.delete(call.getPeer());
  }

  #forgetSilent(): void {
    const nowMs = this.#nowMs();
    for (const [peer, sinceMs] of this.#sinceMs) {
      if (nowMs - sinceMs < ENTERING_MS) return;
      this.#sinceMs.delete(peer);
    }
  }
}
