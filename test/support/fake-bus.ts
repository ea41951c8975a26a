import { BusRequestError } from "../../src/core/replication/bus-request-error.ts";
import { isSubject, matchesSubject } from "../../src/core/replication/subjects.ts";
import type {
  Bus,
  BusChange,
  BusMessage,
  BusProblem,
  BusState,
  BusSubscription,
} from "../../src/ports/bus.ts";
import type { Clock } from "../../src/ports/clock.ts";

const GONE: BusProblem = { kind: "unreachable", message: "the fake network is gone" };

/** What travels: a message, and for a request where its reply goes. */
export interface Packet {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly reply:
    | { readonly to: FakeBus; readonly resolve: (payload: Uint8Array) => void }
    | undefined;
}

/** What a node needs of the network that it is part of. */
export interface FakeNetwork {
  readonly clock: Clock;
  readonly maxPayloadBytes: number;
  /** Sends to all that hear it. @returns how many those are */
  broadcast(from: FakeBus, packet: Packet): number;
  /** Lets `arrive` happen at `to`, or not. */
  send(from: FakeBus, to: FakeBus, arrive: () => void): void;
  /** How long one way takes. */
  latencyMs(): number;
  /** This one is closed. */
  leave(node: FakeBus): void;
}

interface Entry {
  readonly pattern: string;
  readonly listener: (message: BusMessage) => void;
}

/** One node's end of a `FakeBusNetwork`. */
export class FakeBus implements Bus {
  readonly name: string;
  readonly #network: FakeNetwork;
  readonly #entries = new Set<Entry>();
  /** Who hears a subject: forgotten at each change. */
  readonly #heard = new Map<string, readonly Entry[]>();
  readonly #listeners = new Set<(change: BusChange) => void>();
  readonly #requests = new Set<(reason: BusRequestError["reason"]) => void>();
  #isConnected = false;
  #isClosed = false;
  #sinceMs: number;
  #connectCount = 0;
  #droppedCount = 0;
  #listenerErrorCount = 0;
  #lastProblem: BusProblem | undefined;
  /** Of the present connection: what was sent to an earlier one is lost. */
  session = 0;

  constructor(name: string, network: FakeNetwork) {
    this.name = name;
    this.#network = network;
    this.#sinceMs = network.clock.nowMs();
  }

  get state(): BusState {
    return {
      isConnected: this.#isConnected,
      server: this.#connectCount === 0 ? "" : "fake://network",
      serverName: this.#connectCount === 0 ? "" : "fake",
      sinceMs: this.#sinceMs,
      maxPayloadBytes: this.#connectCount === 0 ? 0 : this.#network.maxPayloadBytes,
      rttMs: this.#isConnected ? 0 : undefined,
      reconnectCount: Math.max(0, this.#connectCount - 1),
      droppedCount: this.#droppedCount,
      listenerErrorCount: this.#listenerErrorCount,
      lastProblem: this.#lastProblem,
      denied: [],
    };
  }

  publish(subject: string, payload: Uint8Array): boolean {
    if (this.#refusal(subject, payload) !== undefined) return this.#drop();
    this.#network.broadcast(this, { subject, payload, reply: undefined });
    return true;
  }

  subscribe(pattern: string, listener: (message: BusMessage) => void): BusSubscription {
    const entry = { pattern, listener };
    this.#entries.add(entry);
    this.#heard.clear();
    return {
      close: () => {
        this.#entries.delete(entry);
        this.#heard.clear();
      },
    };
  }

  request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const refusal = this.#refusal(subject, payload);
    if (refusal !== undefined) {
      this.#drop();
      return Promise.reject(new BusRequestError(refusal, subject));
    }
    return new Promise((resolve, reject) => {
      const fail = (reason: BusRequestError["reason"]): void => {
        cancel();
        this.#requests.delete(fail);
        reject(new BusRequestError(reason, subject));
      };
      const cancel = this.#network.clock.after(timeoutMs, () => fail("timeout"));
      this.#requests.add(fail);
      const reply = (answer: Uint8Array): void => {
        cancel();
        this.#requests.delete(fail);
        resolve(answer);
      };
      const packet = { subject, payload, reply: { to: this, resolve: reply } };
      if (this.#network.broadcast(this, packet) === 0) {
        this.#network.clock.after(this.#network.latencyMs(), () => fail("no-responders"));
      }
    });
  }

  onState(listener: (change: BusChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.leave();
    return Promise.resolve();
  }

  /** Without a word, as in a crash. */
  leave(): void {
    this.#isClosed = true;
    this.#listeners.clear();
    this.#entries.clear();
    this.#heard.clear();
    this.#isConnected = false;
    this.session++;
    this.#failRequests();
    this.#network.leave(this);
  }

  /** For the network: true when somebody here would hear it. */
  hears(subject: string): boolean {
    return this.#isConnected && this.#entriesOf(subject).length > 0;
  }

  /** For the network: a packet arrived. */
  receive(packet: Packet): void {
    const { subject, payload } = packet;
    const message = {
      subject,
      payload,
      reply: (answer: Uint8Array) => this.#reply(packet, answer),
    };
    for (const { listener } of this.#entriesOf(subject)) this.#guarded(() => listener(message));
  }

  /** For the network. */
  connected(): void {
    if (this.#isConnected || this.#isClosed) return;
    this.#isConnected = true;
    this.#connectCount++;
    this.#sinceMs = this.#network.clock.nowMs();
    this.#tell({ kind: "connected", server: "fake://network" });
  }

  /** For the network: what is under way to this node is lost. */
  disconnected(): void {
    this.session++;
    if (!this.#isConnected) return;
    this.#isConnected = false;
    this.#sinceMs = this.#network.clock.nowMs();
    this.#lastProblem = GONE;
    this.#failRequests();
    this.#tell({ kind: "disconnected", problem: GONE });
  }

  #reply(packet: Packet, payload: Uint8Array): boolean {
    const { reply } = packet;
    const refusal = this.#refusal(packet.subject, payload);
    if (reply === undefined || refusal !== undefined) return this.#drop();
    this.#network.send(this, reply.to, () => reply.resolve(payload));
    return true;
  }

  #refusal(subject: string, payload: Uint8Array): BusRequestError["reason"] | undefined {
    if (!this.#isConnected) return "disconnected";
    if (payload.length > this.#network.maxPayloadBytes) return "too-large";
    return isSubject(subject) ? undefined : "denied";
  }

  #entriesOf(subject: string): readonly Entry[] {
    const known = this.#heard.get(subject);
    if (known !== undefined) return known;
    const found = [...this.#entries].filter(({ pattern }) => matchesSubject(pattern, subject));
    this.#heard.set(subject, found);
    return found;
  }

  #failRequests(): void {
    for (const fail of [...this.#requests]) fail("disconnected");
  }

  #drop(): false {
    this.#droppedCount++;
    return false;
  }

  #tell(change: BusChange): void {
    for (const listener of [...this.#listeners]) this.#guarded(() => listener(change));
  }

  #guarded(task: () => void): void {
    try {
      task();
    } catch {
      this.#listenerErrorCount++;
    }
  }
}
