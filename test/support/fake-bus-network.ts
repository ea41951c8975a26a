import type { Random } from "../../src/core/model/random.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { FakeBus, type FakeNetwork, type Packet } from "./fake-bus.ts";

/** What happens to messages from one node to another. Shares are between 0 and 1. */
export interface LinkFaults {
  /** Vanishes, and its sender does not notice. */
  dropShare: number;
  /** Arrives twice. */
  duplicateShare: number;
  /** Is overtaken by later ones; without it a link keeps its order, however long it takes. */
  reorderShare: number;
  /** Between these, uniformly. */
  delayMs: readonly [number, number];
  /** Nothing passes; the nodes stay connected to their servers. */
  isCut: boolean;
}

/** A local network. */
export const CALM: Readonly<LinkFaults> = {
  dropShare: 0,
  duplicateShare: 0,
  reorderShare: 0,
  delayMs: [0, 2],
  isCut: false,
};

/** A message that is overtaken comes at most so much later. */
const REORDER_MS = 50;

/** A NATS server cuts off who takes nothing for so long. Source: its `write_deadline`. */
const CUT_OFF_AFTER_MS = 10_000;

interface Link extends LinkFaults {
  /** Of the last one that keeps the order. */
  lastDueMs: number;
  /** What keeps the order: each timer lets the first one arrive, so that no rounding of times swaps two. */
  readonly inOrder: (() => void)[];
}

/** How often each fault happened. */
export interface FiredFaults {
  dropped: number;
  cut: number;
  duplicated: number;
  reordered: number;
  lostWithConnection: number;
  frozen: number;
}

export interface FakeBusNetworkOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** As a NATS server has it when not told otherwise. */
  readonly maxPayloadBytes?: number;
  /** A node connects within this time, uniformly: the adapter's first waits. */
  readonly reconnectMs?: readonly [number, number];
}

/**
 * A message bus in memory, on time that is moved by hand: the same seed and the same calls give the
 * same deliveries. Links are from node to node, as if each pair had NATS servers of its own between
 * them; `outage` is what they have in common.
 */
export class FakeBusNetwork implements FakeNetwork {
  readonly clock: Clock;
  readonly maxPayloadBytes: number;
  readonly fired: FiredFaults = {
    dropped: 0,
    cut: 0,
    duplicated: 0,
    reordered: 0,
    lostWithConnection: 0,
    frozen: 0,
  };
  readonly #random: Random;
  readonly #reconnectMs: readonly [number, number];
  readonly #nodes = new Map<string, FakeBus>();
  readonly #links = new Map<string, Link>();
  readonly #away = new Set<string>();
  readonly #frozen = new Map<
    string,
    { readonly sinceMs: number; readonly waiting: (() => void)[] }
  >();
  #default: LinkFaults = { ...CALM };
  #isDown = false;

  constructor({ clock, random, maxPayloadBytes, reconnectMs }: FakeBusNetworkOptions) {
    this.clock = clock;
    this.#random = random;
    this.maxPayloadBytes = maxPayloadBytes ?? 1024 * 1024;
    this.#reconnectMs = reconnectMs ?? [0, 200];
  }

  /** A node that connects soon. One of the same name, as after a crash, takes its place. */
  join(name: string): FakeBus {
    this.#nodes.get(name)?.leave();
    const node = new FakeBus(name, this);
    this.#nodes.set(name, node);
    this.#away.delete(name);
    this.#frozen.delete(name);
    this.#connectSoon(node);
    return node;
  }

  /** The faults of one direction, to be read and set. */
  link(from: string, to: string): LinkFaults {
    return this.#linkOf(from, to);
  }

  /** The faults of every direction, also of those to come. */
  everyLink(faults: Partial<LinkFaults>): void {
    this.#default = { ...this.#default, ...faults };
    for (const link of this.#links.values()) Object.assign(link, faults);
  }

  /** Nothing passes from any of `from` to any of `to`; the other way round stays as it is. */
  cut(from: readonly string[], to: readonly string[]): void {
    for (const a of from) {
      for (const b of to) if (a !== b) this.#linkOf(a, b).isCut = true;
    }
  }

  /** Nothing passes between the two groups. */
  partition(one: readonly string[], other: readonly string[]): void {
    this.cut(one, other);
    this.cut(other, one);
  }

  /** Ends all faults of links; nodes that were disconnected or frozen stay so. */
  calm(): void {
    this.everyLink(CALM);
  }

  /** The servers are gone, with all that was under way. */
  outage(): void {
    this.#isDown = true;
    for (const node of this.#nodes.values()) node.disconnected();
  }

  /** The servers are back; each node connects when it tries next. */
  restore(): void {
    this.#isDown = false;
    for (const node of this.#nodes.values()) this.#connectSoon(node);
  }

  /** One node loses its connection, and what was under way to it. */
  disconnect(name: string): void {
    this.#away.add(name);
    const node = this.#nodes.get(name);
    node?.disconnected();
  }

  connect(name: string): void {
    this.#away.delete(name);
    const node = this.#nodes.get(name);
    if (node !== undefined) this.#connectSoon(node);
  }

  /** The process is gone, without a word. */
  kill(name: string): void {
    this.#nodes.get(name)?.leave();
  }

  /** The process reads nothing; whoever moves time must hold its timers too. */
  freeze(name: string): void {
    if (!this.#frozen.has(name)) {
      this.#frozen.set(name, { sinceMs: this.clock.nowMs(), waiting: [] });
      this.fired.frozen++;
    }
  }

  /** It reads what waited, unless the server has cut it off meanwhile. */
  thaw(name: string): void {
    const frozen = this.#frozen.get(name);
    const node = this.#nodes.get(name);
    this.#frozen.delete(name);
    if (frozen === undefined || node === undefined) return;
    const isCutOff =
      frozen.waiting.length > 0 && this.clock.nowMs() - frozen.sinceMs >= CUT_OFF_AFTER_MS;
    if (!isCutOff) for (const arrive of frozen.waiting) arrive();
    else {
      this.fired.lostWithConnection += frozen.waiting.length;
      node.disconnected();
      this.#connectSoon(node);
    }
  }

  /** For nodes. @returns how many of them somebody listens on */
  broadcast(from: FakeBus, packet: Packet): number {
    let count = 0;
    for (const node of this.#nodes.values()) {
      if (node === from || !node.hears(packet.subject)) continue;
      count++;
      this.send(from, node, () => node.receive(packet));
    }
    return count;
  }

  /** For nodes: lets `arrive` happen at `to`, or not. */
  send(from: FakeBus, to: FakeBus, arrive: () => void): void {
    const link = this.#linkOf(from.name, to.name);
    if (link.isCut) {
      this.fired.cut++;
      return;
    }
    if (this.#happens(link.dropShare)) {
      this.fired.dropped++;
      return;
    }
    this.#schedule(link, to, arrive);
    if (this.#happens(link.duplicateShare)) {
      this.fired.duplicated++;
      this.#schedule(link, to, arrive);
    }
  }

  /** For nodes: how long a way takes. */
  latencyMs([from, to]: readonly [number, number] = this.#default.delayMs): number {
    return from + this.#random() * (to - from);
  }

  /** For nodes: this one is closed. */
  leave(node: FakeBus): void {
    if (this.#nodes.get(node.name) === node) this.#nodes.delete(node.name);
  }

  #schedule(link: Link, to: FakeBus, arrive: () => void): void {
    const nowMs = this.clock.nowMs();
    const dueMs = nowMs + this.latencyMs(link.delayMs);
    const { session } = to;
    const task = (): void => this.#arrive(to, session, arrive);
    if (this.#happens(link.reorderShare)) {
      this.fired.reordered++;
      this.clock.after(dueMs - nowMs + this.#random() * REORDER_MS, task);
      return;
    }
    link.lastDueMs = Math.max(dueMs, link.lastDueMs);
    link.inOrder.push(task);
    this.clock.after(link.lastDueMs - nowMs, () => link.inOrder.shift()?.());
  }

  #arrive(to: FakeBus, session: number, arrive: () => void): void {
    if (to.session !== session) {
      this.fired.lostWithConnection++;
      return;
    }
    const frozen = this.#frozen.get(to.name);
    if (frozen === undefined) arrive();
    else frozen.waiting.push(() => this.#arrive(to, session, arrive));
  }

  #connectSoon(node: FakeBus): void {
    const { session } = node;
    this.clock.after(this.latencyMs(this.#reconnectMs), () => {
      const isThis = this.#nodes.get(node.name) === node && node.session === session;
      if (isThis && !this.#isDown && !this.#away.has(node.name)) node.connected();
    });
  }

  #happens(share: number): boolean {
    return share > 0 && this.#random() < share;
  }

  #linkOf(from: string, to: string): Link {
    const key = `${from} ${to}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      link = { ...this.#default, lastDueMs: 0, inOrder: [] };
      this.#links.set(key, link);
    }
    return link;
  }
}
