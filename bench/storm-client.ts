/** Thousands of watchers, each as an agent has it: its own list of replicas, its own connection, its own waits. */
import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import type { EndpointsUpdate } from "../src/core/discovery/update.ts";
import { digestsEqual } from "../src/core/model/digest.ts";
import type { ConnectionNews } from "../src/data-plane/connection-loop.ts";
import { EndpointWatch, type WatchedServices } from "../src/data-plane/endpoint-watch.ts";
import { ReplicaList } from "../src/data-plane/replica-list.ts";
import { grpcWatchSource } from "../src/io/grpc/watch-client.ts";
import { systemClock } from "../src/io/system-clock.ts";
import { serveRemote } from "./remote.ts";
import {
  digestText,
  noAnswers,
  SERVICES_PER_WATCHER,
  type StormCommand,
  type StormReport,
  serviceName,
} from "./storm-protocol.ts";
import { quietLog, watchedTable } from "./watched-table.ts";

/** Before the storm: a fleet that starts in order. */
const OPENING_AT_ONCE = 100;

const OPEN_TIMEOUT_MS = 120_000;

const source = grpcWatchSource();
const sockets = new Set<Socket>();
let answers = noAnswers();
let failures = 0;
let brokenAtMs = 0;

/** What breaks on a network, as both ends see it: the client that ships is not asked. */
subscribe("net.client.socket", (message) => {
  const { socket } = message as { readonly socket: Socket };
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
});

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

class StormWatcher {
  readonly #services: WatchedServices;
  readonly #names: readonly string[];
  /** Without an answer on this stream. */
  #awaited = new Set<string>();
  /** What was held of each service when the stream was opened. */
  readonly #held = new Map<string, EndpointsUpdate["digest"]>();
  #isBack: PromiseWithResolvers<number> = Promise.withResolvers();

  constructor(index: number, addresses: readonly string[]) {
    // Steps that share no divisor with the number of services: everybody's five differ.
    this.#names = Array.from({ length: SERVICES_PER_WATCHER }, (_, i) =>
      serviceName(index + i * 61),
    );
    this.#services = watchedTable(this.#names, (update) => this.#answered(update));
    const watch = new EndpointWatch({
      source,
      hello: {
        agentId: `storm-${index}`,
        isDataPlane: true,
        locality: { region: "", zone: "", subZone: "" },
        softwareVersion: "bench",
      },
      services: this.#services,
      replicas: new ReplicaList(addresses, Math.random),
      clock: systemClock,
      random: Math.random,
      log: quietLog,
      onConnection: (news) => this.#connection(news),
    });
    watch.start();
  }

  /** Resolves with the time at which it has all answers. */
  get back(): Promise<number> {
    return this.#isBack.promise;
  }

  /** The connection is about to break. */
  breaks(): void {
    this.#awaited = new Set();
    this.#isBack = Promise.withResolvers();
  }

  #connection({ isConnected }: ConnectionNews): void {
    if (!isConnected) {
      failures++;
      return;
    }
    this.#awaited = new Set(this.#names);
    for (const name of this.#names) {
      const { resume } = this.#services.resumeOf("default", name);
      if (resume !== undefined) this.#held.set(name, resume.digest);
    }
  }

  /** How many of its services it holds otherwise than the servers. */
  wrongLists(digests: Readonly<Record<string, string>>): number {
    const isWrong = (name: string) => {
      const { resume } = this.#services.resumeOf("default", name);
      return resume === undefined || digestText(resume.digest) !== digests[name];
    };
    return this.#names.filter(isWrong).length;
  }

  #answered({ service, kind, isLastChunk, digest, settled }: EndpointsUpdate): void {
    if (!isLastChunk || !this.#awaited.delete(service)) return;
    // A former version that is taken up again is the first half of a delta.
    answers[kind === "resumed" && !settled ? "delta" : kind]++;
    const held = this.#held.get(service);
    if (kind === "snapshot" && held && digestsEqual(held, digest)) answers.unchangedSnapshot++;
    if (this.#awaited.size === 0) this.#isBack.resolve(nowMs());
  }
}

const watchers: StormWatcher[] = [];

async function open(addresses: readonly string[], first: number, count: number): Promise<void> {
  for (let opened = 0; opened < count; opened += OPENING_AT_ONCE) {
    const some = Array.from(
      { length: Math.min(OPENING_AT_ONCE, count - opened) },
      (_, i) => new StormWatcher(first + opened + i, addresses),
    );
    watchers.push(...some);
    await within(OPEN_TIMEOUT_MS, Promise.all(some.map(({ back }) => back)));
  }
}

function breakAll(): void {
  answers = noAnswers();
  failures = 0;
  brokenAtMs = nowMs();
  for (const watcher of watchers) watcher.breaks();
  for (const socket of sockets) socket.resetAndDestroy();
}

async function report(timeoutMs: number): Promise<StormReport> {
  const backAtMs: number[] = [];
  const all = watchers.map(({ back }) => back.then((atMs) => void backAtMs.push(atMs)));
  await within(timeoutMs, Promise.all(all)).catch(() => undefined);
  const missing = watchers.length - backAtMs.length;
  const residentBytes = process.memoryUsage.rss();
  return { brokenAtMs, backAtMs, missing, answers, failures, residentBytes };
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`not within ${ms} ms`)), ms);
  return Promise.race([promise, late.promise]).finally(() => clearTimeout(timer));
}

serveRemote<StormCommand>(async (command) => {
  if (command.type === "open") return open(command.addresses, command.first, command.count);
  if (command.type === "break") return breakAll();
  if (command.type === "compare") {
    return watchers.reduce((sum, watcher) => sum + watcher.wrongLists(command.digests), 0);
  }
  return report(command.timeoutMs);
});
