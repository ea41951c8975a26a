import type { Socket } from "node:net";
import { BrokenConnections } from "./broken-connections.ts";
import type { EnteringConnections } from "./entering-connections.ts";

/**
 * Connections that are let in in one turn of the event loop: 15 ms of it. Turns take a tenth of a second
 * while thousands come back, and with fewer of them a turn many would wait for longer than they do.
 */
export const MAX_OPENED_A_TURN = 64;

/** Clients give up after 5 s without an answer: who has waited for so long would be answered in vain. */
export const PATIENCE_MS = 4_000;

/** What they have sent already waits too, 64 KiB each at most: half a gigabyte at worst, 40 MB in a storm. */
export const MAX_WAITING = 8_192;

export interface ConnectionGateOptions {
  /** Lets a connection speak. */
  readonly open: (socket: Socket) => void;
  /** Those that have not said yet what they want: while there are too many, nobody else is let in. */
  readonly entering: EnteringConnections;
  readonly nowMs: () => number;
  /** Runs the task in the next turn of the event loop, after what has arrived meanwhile. */
  readonly nextTurn: (task: () => void) => void;
  /** Runs the task some milliseconds later. */
  readonly later: (task: () => void) => void;
}

interface Waiting {
  readonly socket: Socket;
  readonly sinceMs: number;
}

/**
 * Lets new connections in a few at a time. When a replica dies, all of its clients come to the
 * others at once; taken all together, they would stop the event loop for longer than they wait,
 * come back, and be in vain again. Who came last goes first: he has most of his patience left. Who
 * has none is cut off by a reset, which tells him to try elsewhere, later, and costs nothing. Connections that
 * broke are cleaned up before anybody new is let in.
 */
export class ConnectionGate {
  readonly #options: ConnectionGateOptions;
  readonly #broken = new BrokenConnections(() => this.#awaitTurn());
  /** In order of their coming. */
  #waiting: Waiting[] = [];
  #openedThisTurn = 0;
  #isTurnAwaited = false;
  #isClosed = false;

  constructor(options: ConnectionGateOptions) {
    this.#options = options;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  admit(socket: Socket): void {
    if (this.#isClosed) {
      socket.destroy();
      return;
    }
    this.#awaitTurn();
    if (this.#waiting.length === 0 && this.#mayOpen()) {
      this.#open(socket);
      return;
    }
    // A connection that breaks while it waits must not end the process.
    socket.on("error", ignore);
    this.#waiting.push({ socket, sinceMs: this.#options.nowMs() });
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift()?.socket.resetAndDestroy();
  }

  /** Lets nobody in any more. */
  close(): void {
    this.#isClosed = true;
    for (const { socket } of this.#waiting) socket.destroy();
    this.#waiting = [];
  }

  #awaitTurn(): void {
    if (this.#isTurnAwaited) return;
    this.#isTurnAwaited = true;
    const { entering, later, nextTurn } = this.#options;
    // Turn after turn without anything to do would take time from those that are to speak.
    const isIdle = this.#broken.isEmpty && entering.isFull;
    (isIdle ? later : nextTurn)(() => this.#turn());
  }

  #turn(): void {
    this.#isTurnAwaited = false;
    this.#openedThisTurn = 0;
    this.#cutOff();
    this.#broken.cleanUpSome();
    while (this.#mayOpen()) {
      const last = this.#waiting.pop();
      if (last === undefined) break;
      if (!last.socket.destroyed) this.#open(last.socket);
    }
    if (this.#waiting.length > 0 || !this.#broken.isEmpty) this.#awaitTurn();
  }

  #mayOpen(): boolean {
    const { entering } = this.#options;
    return this.#openedThisTurn < MAX_OPENED_A_TURN && this.#broken.isEmpty && !entering.isFull;
  }

  #cutOff(): void {
    const nowMs = this.#options.nowMs();
    const isPatient = ({ sinceMs }: Waiting) => nowMs - sinceMs < PATIENCE_MS;
    const kept = this.#waiting.findIndex(isPatient);
    const gone = this.#waiting.splice(0, kept === -1 ? this.#waiting.length : kept);
    for (const { socket } of gone) socket.resetAndDestroy();
  }

  #open(socket: Socket): void {
    this.#openedThisTurn++;
    this.#broken.watch(socket);
    this.#options.entering.came(socket);
    this.#options.open(socket);
  }
}

function ignore(): void {}
