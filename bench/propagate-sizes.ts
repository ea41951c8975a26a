/** How long the messages of one change are on their way through the cluster: the bare path's are as long. */
import { Client, credentials } from "@grpc/grpc-js";
import { connect } from "nats";
import { ClusterSubjects } from "../src/core/replication/subjects.ts";
import type { Cluster } from "./cluster.ts";
import { nowNs, type Sizes } from "./propagate-protocol.ts";
import { PROPAGATED_SERVICES, requestTemplate, stamped } from "./propagate-requests.ts";
import { identity, REGISTER_PATH } from "./register-protocol.ts";
import { helloBytes, MessageReader, subscribeBytes } from "./watch-messages.ts";
import { WATCH_PATH } from "./watch-protocol.ts";

/** The instance has to be registered, so that what is measured is its change. */
export async function sizesOf({ nats, replicas }: Cluster): Promise<Sizes> {
  const [a, , c] = replicas;
  const writer = clientOf(a.address);
  const reader = clientOf(c.address);
  const tap = await connect({ servers: nats.url });
  try {
    const request = stamped(requestTemplate(0), nowNs());
    const update = await firstAnswer(reader);
    const delta = Promise.withResolvers<number>();
    tap.subscribe(new ClusterSubjects("weir").all("delta"), {
      callback: (_error, { data }) => delta.resolve(data.length),
    });
    await tap.flush();
    const response = await new Promise<Buffer>((resolve, reject) => {
      writer.makeUnaryRequest(REGISTER_PATH, identity, identity, request, (error, value) =>
        error === null && value !== undefined ? resolve(value) : reject(error),
      );
    });
    return {
      request: request.length,
      response: response.length,
      delta: await delta.promise,
      update: await update(),
    };
  } finally {
    await tap.close();
    writer.close();
    reader.close();
  }
}

/** Watches the instance's service. @returns the length of the next change, once it is here */
async function firstAnswer(client: Client): Promise<() => Promise<number>> {
  const messages = new MessageReader();
  const answered = Promise.withResolvers<void>();
  const changed = Promise.withResolvers<number>();
  const stream = client.makeBidiStreamRequest(WATCH_PATH, identity, identity);
  stream.on("error", () => undefined);
  stream.on("data", (bytes: Buffer) => {
    const { isAnswer, isChange } = messages.read(bytes);
    if (isAnswer) answered.resolve();
    if (isChange) changed.resolve(bytes.length);
  });
  stream.write(helloBytes("propagate-sizes"));
  stream.write(subscribeBytes(PROPAGATED_SERVICES.slice(0, 1)));
  await answered.promise;
  return () => changed.promise.finally(() => stream.cancel());
}

function clientOf(address: string): Client {
  return new Client(address, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
}
