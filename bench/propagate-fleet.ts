/** Sessions that hold many instances and beat, as agents do: one process for all of them. */
import { Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import { AttachRequest, AttachResponse } from "../src/gen/weir/v1/registry.ts";
import { attachRequests } from "./register-instances.ts";
import { ATTACH_PATH, identity } from "./register-protocol.ts";
import { serveRemote } from "./remote.ts";

type Session = ClientDuplexStream<Buffer, Buffer>;

export interface FleetCommand {
  readonly addresses: readonly string[];
  readonly sessionsPerReplica: number;
  readonly instances: number;
}

/** What a server asks of sessions with the default lease. */
const BEAT_MS = 5_000;
/** Of one message. */
const BATCH = 500;

async function open(address: string, index: number): Promise<Session> {
  const client = new Client(address, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
  const session: Session = client.makeBidiStreamRequest(ATTACH_PATH, identity, identity);
  session.on("error", (error) => process.emitWarning(error));
  const value = { clientId: `fleet-${index}`, softwareVersion: "bench" };
  session.write(encoded({ message: { $case: "hello", value } }));
  await new Promise((resolve) => session.once("data", resolve));
  return session;
}

/** One batch at a time: nobody hurries. */
async function register(session: Session, first: number, count: number): Promise<void> {
  const work = { kind: "attach", address: "", generation: 1, parallel: 1 } as const;
  for (const request of attachRequests({ ...work, first, count, batch: BATCH })) {
    const answered = new Promise<Buffer>((resolve) => session.once("data", resolve));
    session.write(request);
    const { message } = AttachResponse.decode(await answered);
    if (message?.$case !== "registered") throw new Error(`an answer of kind ${message?.$case}`);
    if (message.value.results.some(({ accepted }) => accepted === undefined))
      throw new Error("an instance was refused");
  }
}

function beat(session: Session): void {
  let sequence = 0n;
  session.on("data", () => undefined);
  setInterval(() => {
    session.write(encoded({ message: { $case: "beat", value: { sequence: ++sequence } } }));
  }, BEAT_MS);
}

function encoded(message: AttachRequest): Buffer {
  return Buffer.from(AttachRequest.encode(message).finish());
}

serveRemote<FleetCommand>(async ({ addresses, sessionsPerReplica, instances }) => {
  const places = addresses.flatMap((address) => Array<string>(sessionsPerReplica).fill(address));
  const sessions = await Promise.all(places.map(open));
  const share = Math.ceil(instances / sessions.length);
  await Promise.all(
    sessions.map(async (session, i) => {
      const first = i * share;
      await register(session, first, Math.max(0, Math.min(share, instances - first)));
      beat(session);
    }),
  );
});
