import type { Random } from "../../src/core/model/random.ts";
import { Connection, type Listener, type StreamPurpose, type Surroundings } from "./connection.ts";
import type { LinkState } from "./links.ts";
import type { SimProcess } from "./sim-process.ts";
import type { Timeline } from "./timeline.ts";

const CALM_DELAY_MS: readonly [number, number] = [0.2, 2];

/** How often connections are looked at, as HTTP/2 pings do. */
const PING_MS = 5_000;

/** Streams between processes: ordered, reliable while they last, and breakable. */
export class Network implements Surroundings {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly #links = new Map<string, LinkState>();
  readonly #connections = new Set<Connection>();
  /** Who listens under which name. */
  readonly listeners = new Map<string, Listener>();

  constructor(timeline: Timeline, random: Random) {
    this.timeline = timeline;
    this.random = random;
    this.#ping();
  }

  link(from: string, to: string): LinkState {
    const key = `${from}>${to}`;
    const known = this.#links.get(key);
    if (known !== undefined) return known;
    const link: LinkState = { isCut: false, delayMs: CALM_DELAY_MS, readMs: 0 };
    this.#links.set(key, link);
    return link;
  }

  connect(client: SimProcess, address: string, purpose: StreamPurpose): Connection {
    const connection = new Connection(this, client, nameOf(address), purpose);
    this.#connections.add(connection);
    return connection;
  }

  setCut(from: string, to: string, isCut: boolean): void {
    this.link(from, to).isCut = isCut;
    if (!isCut) this.#wake();
  }

  /** Every link is as in a calm network. */
  heal(): void {
    for (const link of this.#links.values()) {
      link.isCut = false;
      link.delayMs = CALM_DELAY_MS;
      link.readMs = 0;
    }
    this.#wake();
  }

  /** The machine of a dead process resets its connections. */
  died(process: SimProcess): void {
    for (const connection of [...this.#connections]) connection.sideDied(process);
  }

  forget(connection: Connection): void {
    this.#connections.delete(connection);
  }

  /** Breaks one of the open connections of that name; false when there is none. */
  breakOne(name: string, choice: number): boolean {
    const open = [...this.#connections].filter((connection) => connection.isOf(name));
    const broken = open[choice % Math.max(1, open.length)];
    broken?.break("reset");
    return broken !== undefined;
  }

  #wake(): void {
    for (const connection of this.#connections) connection.wake();
  }

  #ping(): void {
    this.timeline.after(PING_MS, () => {
      for (const connection of [...this.#connections]) connection.ping();
      this.#ping();
    });
  }
}

/** Of `NAME:PORT`. */
function nameOf(address: string): string {
  return address.slice(0, address.indexOf(":"));
}
