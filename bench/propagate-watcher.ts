/** Watches what is written elsewhere: for Weir with the client that agents and the library have. */
import { Client, credentials } from "@grpc/grpc-js";
import { Etcd3 } from "etcd3";
import { EndpointWatch } from "../src/data-plane/endpoint-watch.ts";
import { ReplicaList } from "../src/data-plane/replica-list.ts";
import { grpcWatchSource } from "../src/io/grpc/watch-client.ts";
import { systemClock } from "../src/io/system-clock.ts";
import {
  ETCD_PREFIX,
  type Latencies,
  nowNs,
  STAMP_DIGITS,
  STAMP_LABEL,
  type WatcherCommand,
  type Way,
} from "./propagate-protocol.ts";
import { PROPAGATED_SERVICES } from "./propagate-requests.ts";
import { serveRemote } from "./remote.ts";
import { identity, WATCH_PATH } from "./watch-protocol.ts";
import { quietLog, watchedTable } from "./watched-table.ts";

/** What is not here by then was lost. */
const GIVE_UP_MS = 10_000;

/** Of the writes since the last `expect`. */
let tookMs: number[] = [];
let expected = 0;
let complete: (() => void) | undefined;

function received(stamp: string): void {
  const dueNs = Number(stamp);
  if (dueNs === 0 || expected === 0) return;
  tookMs.push((nowNs() - dueNs) / 1e6);
  if (tookMs.length === expected) complete?.();
}

function expectCount(count: number): Promise<Latencies> {
  tookMs = [];
  expected = count;
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      expected = 0;
      tookMs.sort((a, b) => a - b);
      const at = (share: number) => tookMs[Math.floor(tookMs.length * share)] ?? 0;
      const missing = count - tookMs.length;
      resolve({ p50Ms: at(0.5), p99Ms: at(0.99), maxMs: tookMs.at(-1) ?? 0, missing });
    };
    const timer = setTimeout(finish, GIVE_UP_MS);
    complete = finish;
  });
}

async function open(way: Way, address: string): Promise<void> {
  if (way === "etcd") return watchEtcd(address);
  if (way === "bare") return watchBare(address);
  const answered = new Set<string>();
  const allAnswered = Promise.withResolvers<void>();
  const services = watchedTable(PROPAGATED_SERVICES, ({ service, kind, upserts }) => {
    if (kind === "delta") {
      for (const { metadata } of upserts) received(metadata.get(STAMP_LABEL) ?? "0");
    }
    answered.add(service);
    if (answered.size === PROPAGATED_SERVICES.length) allAnswered.resolve();
  });
  const watch = new EndpointWatch({
    source: grpcWatchSource(),
    hello: {
      agentId: "propagate-watcher",
      isDataPlane: true,
      locality: { region: "", zone: "", subZone: "" },
      softwareVersion: "bench",
    },
    services,
    replicas: new ReplicaList([address], Math.random),
    clock: systemClock,
    random: Math.random,
    log: quietLog,
  });
  watch.start();
  await allAnswered.promise;
}

function watchBare(address: string): Promise<void> {
  const client = new Client(address, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
  const stream = client.makeBidiStreamRequest(WATCH_PATH, identity, identity);
  stream.write(Buffer.alloc(0));
  stream.on("data", (bytes: Buffer) => received(bytes.toString("latin1", 0, STAMP_DIGITS)));
  return new Promise((resolve) => stream.once("data", () => resolve()));
}

async function watchEtcd(address: string): Promise<void> {
  const etcd = new Etcd3({ hosts: `http://${address}` });
  const watcher = await etcd.watch().prefix(ETCD_PREFIX).create();
  watcher.on("put", ({ value }) => {
    const at = value.indexOf(STAMP_LABEL) + STAMP_LABEL.length;
    received(/\d{16}/.exec(value.toString("latin1", at))?.[0] ?? "0");
  });
}

serveRemote<WatcherCommand>(async (command) => {
  if (command.type === "open") return open(command.way, command.address);
  return expectCount(command.count);
});
