/** The bare path: what comes in by a call goes out on NATS, and what comes from NATS goes out on all streams. */
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { connect } from "nats";
import { NO_STAMP, type Sizes, STAMP_DIGITS, STAMP_LABEL } from "./propagate-protocol.ts";
import { identity, REGISTER_PATH } from "./register-protocol.ts";
import { WATCH_PATH } from "./watch-protocol.ts";

type Stream = ServerDuplexStream<Buffer, Buffer>;

const SUBJECT = "bench.delta";

const [, , address = "", natsUrl = "", sizesText = "{}"] = process.argv;
const sizes = JSON.parse(sizesText) as Sizes;
const response = Buffer.alloc(sizes.response, 7);
const streams = new Set<Stream>();

/** A message of its path's length that begins with the time. */
function carrying(stamp: Uint8Array, length: number): Buffer {
  const bytes = Buffer.alloc(length, 7);
  bytes.set(stamp, 0);
  return bytes;
}

const nats = await connect({ servers: natsUrl, noEcho: true });
nats.subscribe(SUBJECT, {
  callback: (_error, { data }) => {
    const update = carrying(data.subarray(0, STAMP_DIGITS), sizes.update);
    for (const stream of streams) stream.write(update);
  },
});
await nats.flush();

const codec = {
  requestSerialize: identity,
  requestDeserialize: identity,
  responseSerialize: identity,
  responseDeserialize: identity,
};
const server = new Server({ "grpc.max_concurrent_streams": 1_000, "grpc.enable_channelz": 0 });
server.addService(
  {
    register: { ...codec, path: REGISTER_PATH, requestStream: false, responseStream: false },
    watch: { ...codec, path: WATCH_PATH, requestStream: true, responseStream: true },
  },
  {
    register: ({ request }: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
      // Behind the label's tag and length.
      const at = request.indexOf(STAMP_LABEL) + STAMP_LABEL.length + 2;
      nats.publish(SUBJECT, carrying(request.subarray(at, at + STAMP_DIGITS), sizes.delta));
      answer(null, response);
    },
    watch: (stream: Stream) => {
      streams.add(stream);
      // The first answer says that the stream is open.
      stream.write(Buffer.from(NO_STAMP));
      stream.on("data", () => undefined);
      stream.on("error", () => undefined);
      stream.on("close", () => streams.delete(stream));
      stream.on("cancelled", () => streams.delete(stream));
    },
  },
);
server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});
