/** Writes at a rate that waits for nobody: each write has its time, and latencies count from then. */
import { Client, credentials } from "@grpc/grpc-js";
import { Etcd3 } from "etcd3";
import {
  ETCD_PREFIX,
  INSTANCES,
  nowNs,
  type Way,
  type WriterCommand,
  type WriterReport,
} from "./propagate-protocol.ts";
import { requestTemplate, stamped } from "./propagate-requests.ts";
import { identity, REGISTER_PATH } from "./register-protocol.ts";
import { serveRemote } from "./remote.ts";

/** The first write is due so long after the command. */
const LEAD_NS = 5e6;

type Write = (index: number, dueNs: number) => Promise<unknown>;

const templates = Array.from({ length: INSTANCES }, (_, i) => requestTemplate(i));
let write: Write | undefined;
/** Runs go on where the one before ended. */
let next = 0;

function template(index: number): Buffer {
  return templates[index % INSTANCES] ?? Buffer.alloc(0);
}

function writeTo(way: Way, address: string): Write {
  if (way === "etcd") {
    const etcd = new Etcd3({ hosts: `http://${address}` });
    return (index, dueNs) =>
      etcd
        .put(`${ETCD_PREFIX}${index % INSTANCES}`)
        .value(stamped(template(index), dueNs))
        .exec();
  }
  const client = new Client(address, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
  return (index, dueNs) =>
    new Promise<void>((resolve, reject) => {
      const bytes = stamped(template(index), dueNs);
      client.makeUnaryRequest(REGISTER_PATH, identity, identity, bytes, (error) =>
        error === null ? resolve() : reject(error),
      );
    });
}

function run(to: Write, perSecond: number, count: number): Promise<WriterReport> {
  const startNs = nowNs() + LEAD_NS;
  const lateNs: number[] = [];
  let answered = 0;
  return new Promise((resolve, reject) => {
    const done = () => {
      if (++answered < count) return;
      lateNs.sort((a, b) => a - b);
      resolve({ lateMsP99: (lateNs[Math.floor(count * 0.99)] ?? 0) / 1e6 });
    };
    const tick = () => {
      for (;;) {
        if (lateNs.length === count) return;
        const dueNs = startNs + (lateNs.length / perSecond) * 1e9;
        const late = nowNs() - dueNs;
        if (late < 0) break;
        lateNs.push(late);
        to(next++, dueNs).then(done, reject);
      }
      setTimeout(tick, 1);
    };
    tick();
  });
}

serveRemote<WriterCommand>(async (command) => {
  if (command.type === "open") {
    write = writeTo(command.way, command.address);
    return undefined;
  }
  if (write === undefined) throw new Error("open comes first");
  return run(write, command.perSecond, command.count);
});
