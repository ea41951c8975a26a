/** A client process of the register bench: sends prepared bytes, so that the server is what is busy. */
import { Client, type ClientDuplexStream, credentials, type ServiceError } from "@grpc/grpc-js";
import { AttachRequest, AttachResponse } from "../src/gen/weir/v1/registry.ts";
import { attachRequests, unaryRequests } from "./register-instances.ts";
import {
  ATTACH_PATH,
  identity,
  REGISTER_PATH,
  type RegisterAnswer,
  type RegisterCommand,
  type Span,
  type Work,
} from "./register-protocol.ts";

type Stream = ClientDuplexStream<Buffer, Buffer>;

/** Several windows of HTTP/2 for the server to read from, and for its answers. */
const CONNECTIONS = 4;
/** Batches under way per session: the next one is there when the server is done with one. */
const WINDOW = 3;

interface Target {
  readonly clients: readonly Client[];
  readonly sessions: Stream[];
}

const targets = new Map<string, Target>();
let prepared: { work: Work; requests: Buffer[] } | undefined;

function targetOf(address: string): Target {
  const known = targets.get(address);
  if (known !== undefined) return known;
  const clients = Array.from(
    { length: CONNECTIONS },
    () =>
      new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 }),
  );
  const target: Target = { clients, sessions: [] };
  targets.set(address, target);
  return target;
}

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function runUnary({ address, parallel }: Work, requests: readonly Buffer[]): Promise<void> {
  const { clients } = targetOf(address);
  let next = 0;
  let answered = 0;
  return new Promise((resolve, reject) => {
    const call = (client: Client): void => {
      const request = requests[next++];
      if (request === undefined) return;
      client.makeUnaryRequest(
        REGISTER_PATH,
        identity,
        identity,
        request,
        (error: ServiceError | null) => {
          if (error !== null) return reject(error);
          if (++answered === requests.length) return resolve();
          call(client);
        },
      );
    };
    for (let i = 0; i < parallel; i++) call(clients[i % clients.length] as Client);
  });
}

/** Opens the sessions that are missing. */
async function sessionsOf(address: string, count: number): Promise<readonly Stream[]> {
  const { clients, sessions } = targetOf(address);
  const opened: Promise<void>[] = [];
  while (sessions.length < count) {
    const client = clients[sessions.length % clients.length] as Client;
    const stream: Stream = client.makeBidiStreamRequest(ATTACH_PATH, identity, identity);
    const value = { clientId: `bench-${process.pid}`, softwareVersion: "0" };
    stream.write(encoded({ message: { $case: "hello", value } }));
    opened.push(new Promise((resolve) => stream.once("data", () => resolve())));
    stream.on("error", (error) => process.emitWarning(error));
    sessions.push(stream);
  }
  await Promise.all(opened);
  return sessions.slice(0, count);
}

function encoded(message: AttachRequest): Buffer {
  return Buffer.from(AttachRequest.encode(message).finish());
}

/** Sends all requests over the sessions, each with `window` of them under way. */
function overSessions(
  sessions: readonly Stream[],
  window: number,
  nextRequest: () => Buffer | undefined,
  answered: (answer: Buffer) => void,
): Promise<void> {
  let underWay = 0;
  return new Promise((resolve, reject) => {
    const send = (stream: Stream): void => {
      const request = nextRequest();
      if (request === undefined) return;
      underWay++;
      stream.write(request);
    };
    for (const stream of sessions) {
      stream.removeAllListeners("data");
      stream.on("data", (answer: Buffer) => {
        underWay--;
        try {
          answered(answer);
        } catch (error) {
          return reject(error);
        }
        send(stream);
        if (underWay === 0) resolve();
      });
    }
    for (let i = 0; i < window; i++) for (const stream of sessions) send(stream);
  });
}

async function runAttach(work: Work, requests: readonly Buffer[]): Promise<void> {
  const sessions = await sessionsOf(work.address, work.parallel);
  let next = 0;
  let last: Buffer | undefined;
  await overSessions(
    sessions,
    WINDOW,
    () => requests[next++],
    (answer) => {
      last = answer;
    },
  );
  if (last !== undefined) mustBeAccepted(last);
}

/** One answer a round: reading all of them would keep the client busy instead of the server. */
function mustBeAccepted(answer: Buffer): void {
  const { message } = AttachResponse.decode(answer);
  if (message?.$case !== "registered") throw new Error(`an answer of kind ${message?.$case}`);
  for (const { accepted, message: why } of message.value.results) {
    if (accepted === undefined) throw new Error(`not registered: ${why}`);
  }
}

async function beat(address: string, ms: number): Promise<number> {
  const { sessions } = targetOf(address);
  const message = encoded({ message: { $case: "beat", value: { sequence: 1n } } });
  const untilMs = nowMs() + ms;
  let beats = 0;
  await overSessions(
    sessions,
    1,
    () => (nowMs() < untilMs ? message : undefined),
    () => beats++,
  );
  return beats;
}

async function run(command: RegisterCommand): Promise<Span | undefined> {
  if (command.type === "prepare") {
    const { work } = command;
    const requests = work.kind === "unary" ? unaryRequests(work) : attachRequests(work);
    if (work.kind === "attach") await sessionsOf(work.address, work.parallel);
    prepared = { work, requests };
    return undefined;
  }
  const startedAtMs = nowMs();
  if (command.type === "beat") {
    const count = await beat(command.address, command.ms);
    return { startedAtMs, endedAtMs: nowMs(), count };
  }
  if (prepared === undefined) throw new Error("nothing was prepared");
  const { work, requests } = prepared;
  await (work.kind === "unary" ? runUnary(work, requests) : runAttach(work, requests));
  return { startedAtMs, endedAtMs: nowMs(), count: work.count };
}

process.on("message", (message) => {
  const command = message as RegisterCommand;
  run(command).then(
    (span) => process.send?.({ id: command.id, ...(span && { span }) } satisfies RegisterAnswer),
    (error: unknown) =>
      process.send?.({ id: command.id, error: String(error) } satisfies RegisterAnswer),
  );
});
