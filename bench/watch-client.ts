/**
 * All watchers of one server in one process, so that trigger and receipts are on one clock.
 * The same program watches Weir and the raw server; ACKs go to Weir only.
 */
import { Client, type ClientDuplexStream, credentials, Metadata } from "@grpc/grpc-js";
import {
  heartbeatBytes,
  helloBytes,
  joinAcks,
  MessageReader,
  type Seen,
  subscribeBytes,
} from "./watch-messages.ts";
import {
  type ClientAnswer,
  type ClientCommand,
  type ClientOptions,
  identity,
  PREPARE_PATH,
  type RoundTimes,
  TRIGGER_PATH,
  WATCH_PATH,
} from "./watch-protocol.ts";
import { connectRegistry, register } from "./watch-registry.ts";

/** An agent acknowledges at most this often. */
const ACK_INTERVAL_MS = 100;

/** How often the streams whose ACK is due are looked for. */
const SWEEP_MS = 10;

/** Opening streams faster only queues them in the server. */
const OPENING_AT_ONCE = 200;

const TIMEOUT_MS = 120_000;

class Watcher {
  readonly stream: ClientDuplexStream<Buffer, Buffer>;
  answersMissing: number;
  /** The round of the last change received. */
  round = 0;
  /** Latest unacknowledged message of each resource. */
  readonly unacknowledged: Seen[] = [];
  ackDueAtMs = 0;

  constructor(stream: ClientDuplexStream<Buffer, Buffer>, answersMissing: number) {
    this.stream = stream;
    this.answersMissing = answersMissing;
  }
}

class WatchBench {
  readonly #options: ClientOptions;
  readonly #clients: Client[];
  readonly #control: Client;
  readonly #reader = new MessageReader();
  readonly #isAcking: boolean;
  /** In order of their due times, because every delay is the same. */
  #acksDue: Watcher[] = [];
  #streamCount = 0;
  #missing = 0;
  #round = 0;
  #triggeredAt = 0;
  #times: Float64Array;
  #done: () => void = () => undefined;
  #lastChange: Buffer = Buffer.alloc(0);
  #heartbeats = 0n;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#isAcking = options.kind === "weir";
    const connect = (): Client =>
      new Client(options.address, credentials.createInsecure(), {
        "grpc.use_local_subchannel_pool": 1,
      });
    this.#clients = Array.from({ length: options.connections }, connect);
    this.#control = connect();
    this.#times = new Float64Array(options.connections * options.streamsPerConnection);
    if (this.#isAcking) setInterval(() => this.#sendDueAcks(), SWEEP_MS);
  }

  /** Opens all streams, a few at once, and waits for their first answers. */
  async open(): Promise<void> {
    const subscribe = subscribeBytes(this.#options.services);
    const total = this.#times.length;
    while (this.#streamCount < total) {
      const batch = Math.min(OPENING_AT_ONCE, total - this.#streamCount);
      this.#missing = batch;
      const opened = this.#allDone("first answers");
      for (let i = 0; i < batch; i++) this.#openOne(subscribe);
      await opened;
    }
  }

  /** Triggers one change and waits until every stream has it. */
  async deliver(): Promise<RoundTimes> {
    this.#round++;
    this.#missing = this.#times.length;
    const delivered = this.#allDone("receipts of the change");
    this.#triggeredAt = performance.now();
    await Promise.all([this.#trigger(), delivered]);
    const sorted = this.#times.toSorted();
    return { medianMs: sorted[sorted.length >> 1] ?? 0, lastMs: sorted.at(-1) ?? 0 };
  }

  get lastChange(): Buffer {
    return this.#lastChange;
  }

  prepare(message: Buffer): Promise<void> {
    return this.#callRaw(PREPARE_PATH, message);
  }

  #openOne(subscribe: Buffer): void {
    const client = this.#clients[this.#streamCount % this.#clients.length];
    if (client === undefined) throw new Error("no connection");
    this.#streamCount++;
    const stream = client.makeBidiStreamRequest(WATCH_PATH, identity, identity);
    const watcher = new Watcher(stream, this.#isAcking ? this.#options.services.length : 1);
    stream.on("data", (bytes: Buffer) => this.#receive(watcher, bytes));
    stream.on("error", fail);
    stream.on("end", () => fail(new Error("the server ended a stream")));
    stream.write(helloBytes(`watcher-${this.#streamCount}`));
    stream.write(subscribe);
  }

  #receive(watcher: Watcher, bytes: Buffer): void {
    const seen = this.#reader.read(bytes);
    if (watcher.answersMissing > 0) {
      if (seen.isAnswer || !this.#isAcking) watcher.answersMissing--;
      if (watcher.answersMissing === 0) this.#countDown();
    } else if (seen.isChange && watcher.round !== this.#round) {
      watcher.round = this.#round;
      this.#times[this.#missing - 1] = performance.now() - this.#triggeredAt;
      if (this.#missing === 1) this.#lastChange = seen.bytes;
      this.#countDown();
    }
    if (!this.#isAcking) return;
    if (seen.isHeartbeat) watcher.stream.write(heartbeatBytes(++this.#heartbeats));
    else if (seen.ackEntry !== undefined) this.#acknowledgeLater(watcher, seen);
  }

  #countDown(): void {
    this.#missing--;
    if (this.#missing === 0) this.#done();
  }

  #acknowledgeLater(watcher: Watcher, seen: Seen): void {
    const { unacknowledged } = watcher;
    if (unacknowledged.length === 0) {
      watcher.ackDueAtMs = performance.now() + ACK_INTERVAL_MS;
      this.#acksDue.push(watcher);
    }
    const older = unacknowledged.findIndex(({ resource }) => resource === seen.resource);
    if (older === -1) unacknowledged.push(seen);
    else unacknowledged[older] = seen;
  }

  #sendDueAcks(): void {
    const nowMs = performance.now();
    let sent = 0;
    for (const watcher of this.#acksDue) {
      if (watcher.ackDueAtMs > nowMs) break;
      sent++;
      const [first, ...others] = watcher.unacknowledged;
      if (others.length === 0 && first?.ackRequest !== undefined)
        watcher.stream.write(first.ackRequest);
      else
        watcher.stream.write(
          joinAcks(watcher.unacknowledged.flatMap(({ ackEntry }) => ackEntry ?? [])),
        );
      watcher.unacknowledged.length = 0;
    }
    if (sent > 0) this.#acksDue = this.#acksDue.slice(sent);
  }

  #trigger(): Promise<void> {
    if (this.#options.kind === "raw") return this.#callRaw(TRIGGER_PATH, Buffer.alloc(0));
    this.#registry ??= connectRegistry(this.#options.address);
    return register(this.#registry, this.#options.services[0] ?? "", 0, this.#round);
  }
  #registry: ReturnType<typeof connectRegistry> | undefined;

  #callRaw(path: string, bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#control.makeUnaryRequest(path, identity, identity, bytes, new Metadata(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  }

  #allDone(what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`${this.#missing} ${what} missing after ${TIMEOUT_MS} ms`));
      }, TIMEOUT_MS);
      this.#done = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function fail(error: Error): void {
  process.stderr.write(`watch client: ${error.message}\n`);
  process.exit(1);
}

let bench: WatchBench | undefined;

async function obey(command: ClientCommand): Promise<Omit<ClientAnswer, "id">> {
  if (command.type === "open") {
    bench = new WatchBench(command.options);
    await bench.open();
    return {};
  }
  if (bench === undefined) throw new Error("open comes first");
  if (command.type === "prepare") {
    await bench.prepare(Buffer.from(command.message, "base64"));
    return {};
  }
  const times = await bench.deliver();
  return { times, message: bench.lastChange.toString("base64") };
}

process.on("message", (message) => {
  const command = message as ClientCommand;
  obey(command).then(
    (answer) => process.send?.({ id: command.id, ...answer }),
    (error: unknown) => process.send?.({ id: command.id, error: String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
