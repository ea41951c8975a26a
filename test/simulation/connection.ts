import type { MeshError } from "../../src/core/model/mesh-error.ts";
import { grpcCode } from "../../src/io/grpc/status.ts";
import type { StreamEnd } from "../../src/ports/stream-end.ts";
import type { Links } from "./links.ts";
import { Pipe } from "./pipe.ts";
import type { SimProcess } from "./sim-process.ts";

/** Pings every 10 s, 5 s for their answer: both sides then take the connection for dead. */
const KEEPALIVE_MS = 15_000;

/** UNAVAILABLE. */
const UNAVAILABLE = 14;

/** The program's end of a stream at the server. */
export interface ServerEnd {
  /** The client writes nothing more. */
  halfClosed(): void;
  writable(): void;
  /** Once, whoever ended it. */
  closed(): void;
}

export type StreamPurpose = "watch" | "attach";

/** The client's end. */
export interface ClientEnd {
  ended(end: StreamEnd): void;
}

/** Who answers at an address. */
export interface Listener {
  readonly process: SimProcess;
  readonly accept: (connection: Connection) => ServerEnd | undefined;
}

/** The network, as a connection needs it. */
export interface Surroundings extends Links {
  readonly listeners: ReadonlyMap<string, Listener>;
  forget(connection: Connection): void;
}

/** One bidirectional stream on a connection of its own. */
export class Connection {
  readonly client: SimProcess;
  /** The replica that is connected to. */
  readonly address: string;
  /** What is asked for there. */
  readonly purpose: StreamPurpose;
  readonly #network: Surroundings;
  readonly #up: Pipe;
  readonly #down: Pipe;
  #server: SimProcess | undefined;
  #serverEnd: ServerEnd | undefined;
  #clientEnd: ClientEnd | undefined;
  #isOver = false;
  #lastOkMs: number;

  constructor(network: Surroundings, client: SimProcess, address: string, purpose: StreamPurpose) {
    this.client = client;
    this.address = address;
    this.purpose = purpose;
    this.#network = network;
    this.#lastOkMs = network.timeline.nowMs;
    this.#up = new Pipe(
      network,
      client.name,
      address,
      () => this.#server,
      () => undefined,
    );
    this.#down = new Pipe(
      network,
      address,
      client.name,
      () => client,
      () => this.#server?.run(() => this.#serverEnd?.writable()),
    );
    // The first segment finds out who listens; the machine answers it, even for a frozen process.
    this.#up.open(() => this.#accept());
  }

  /** Who hears of the end at the client. */
  listen(clientEnd: ClientEnd): void {
    this.#clientEnd = clientEnd;
  }

  isOf(name: string): boolean {
    return this.client.name === name || this.address === name;
  }

  /** A message to the server. */
  send(task: (end: ServerEnd) => void): void {
    this.#up.send(() => {
      if (this.#serverEnd !== undefined) task(this.#serverEnd);
    });
  }

  /** A message to the client. @returns false on back-pressure. */
  answer(task: () => void): boolean {
    return this.#down.send(() => {
      if (this.#clientEnd !== undefined) task();
    });
  }

  /** The client goes: what it wrote still arrives, nothing reaches it any more. */
  closeClient(): void {
    if (this.#clientEnd === undefined) return;
    this.#clientEnd = undefined;
    this.#up.send(() => this.#closeServer());
  }

  /** The server ends the stream after what it wrote. */
  endServer(error?: MeshError): void {
    if (this.#serverEnd === undefined) return;
    this.#down.send(() => this.#endClient(endOf(error)));
    this.#closeServer();
  }

  /** What is under way is lost; both sides hear of it. */
  break(message: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#up.clear();
    this.#down.clear();
    this.#network.forget(this);
    this.client.run(() => this.#endClient(lost(message)));
    this.#server?.run(() => this.#closeServer());
  }

  sideDied(process: SimProcess): void {
    const isServer = process === this.#server;
    if (!isServer && process !== this.client) return;
    const { name } = process;
    const other = isServer ? this.client.name : this.address;
    // A reset that cannot pass is noticed by pings.
    if (!this.#network.link(name, other).isCut) this.break("reset by peer");
  }

  wake(): void {
    this.#up.wake();
    this.#down.wake();
  }

  ping(): void {
    const { name } = this.client;
    const isCut =
      this.#network.link(name, this.address).isCut || this.#network.link(this.address, name).isCut;
    const isAnswered =
      !isCut && this.client.isRunning && (this.#server === undefined || this.#server.isRunning);
    const { nowMs } = this.#network.timeline;
    if (isAnswered) this.#lastOkMs = nowMs;
    else if (nowMs - this.#lastOkMs >= KEEPALIVE_MS) this.break("ping timeout");
  }

  #accept(): void {
    const listener = this.#network.listeners.get(this.address);
    if (!listener?.process.isAlive) {
      this.break("connection refused");
      return;
    }
    this.#server = listener.process;
    listener.process.run(() => {
      this.#serverEnd = listener.accept(this);
    });
  }

  #endClient(end: StreamEnd): void {
    const clientEnd = this.#clientEnd;
    this.#clientEnd = undefined;
    clientEnd?.ended(end);
  }

  /** Later, so that a program never hears of the end inside its own call. */
  #closeServer(): void {
    const end = this.#serverEnd;
    this.#serverEnd = undefined;
    if (end !== undefined) queueMicrotask(() => end.closed());
  }
}

function lost(message: string): StreamEnd {
  return { code: UNAVAILABLE, reason: "", message, retryAfterMs: undefined };
}

function endOf(error: MeshError | undefined): StreamEnd {
  if (error === undefined) return { code: 0, reason: "", message: "", retryAfterMs: undefined };
  const { code, message, detail } = error;
  return { code: grpcCode(code), reason: code, message, retryAfterMs: detail.retryAfterMs };
}
