import type { Socket } from "node:net";

/**
 * Connections that were let in and have not said yet what they want. Clients that share a slow machine or
 * network answer in bursts, and the event loop handles all that has arrived in one turn: half a
 * millisecond each.
 */
export const MAX_ENTERING = 256;

/** Who says nothing for so long keeps nobody else out: at least 256 connections a second are let in. */
export const ENTERING_MS = 1_000;

/** A call of a connection, as grpc-js has it. */
interface Call {
  getPeer(): string;
}

/** Who is between being let in and saying what it wants. */
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
    // One that is gone already has no address, and will say nothing.
    if (remoteAddress === undefined) return;
    const peer = `${remoteAddress}:${remotePort}`;
    // A port that is used again comes last.
    this.#sinceMs.delete(peer);
    this.#sinceMs.set(peer, this.#nowMs());
  }

  /** Asked for each call, so it costs nothing while nobody is entering. */
  has(call: Call): boolean {
    return this.#sinceMs.size > 0 && this.#sinceMs.has(call.getPeer());
  }

  entered(call: Call): void {
    this.#sinceMs.delete(call.getPeer());
  }

  #forgetSilent(): void {
    const nowMs = this.#nowMs();
    for (const [peer, sinceMs] of this.#sinceMs) {
      if (nowMs - sinceMs < ENTERING_MS) return;
      this.#sinceMs.delete(peer);
    }
  }
}
