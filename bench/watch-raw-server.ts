/** The limit of grpc-js: a handler that writes prepared bytes to every open stream, and does nothing else. */
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { identity, PREPARE_PATH, TRIGGER_PATH, WATCH_PATH } from "./watch-protocol.ts";

type Stream = ServerDuplexStream<Buffer, Buffer>;

const streams = new Set<Stream>();
/** A valid message with nothing in it, until the bench says what to send. */
let prepared = Buffer.alloc(0);

const codec = {
  requestSerialize: identity,
  requestDeserialize: identity,
  responseSerialize: identity,
  responseDeserialize: identity,
};
const unary = { ...codec, requestStream: false, responseStream: false };

const server = new Server({ "grpc.max_concurrent_streams": 1_000 });
server.addService(
  {
    watch: { ...codec, path: WATCH_PATH, requestStream: true, responseStream: true },
    prepare: { ...unary, path: PREPARE_PATH },
    trigger: { ...unary, path: TRIGGER_PATH },
  },
  {
    watch: (call: Stream) => {
      streams.add(call);
      // The first answer says that the stream is open.
      call.once("data", () => {
        call.write(prepared);
        call.on("data", () => undefined);
      });
      call.on("end", () => call.end());
      call.on("error", () => undefined);
      call.on("close", () => streams.delete(call));
      call.on("cancelled", () => streams.delete(call));
    },
    prepare: (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
      prepared = Buffer.from(call.request);
      callback(null, Buffer.alloc(0));
    },
    trigger: (_call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
      for (const stream of streams) stream.write(prepared);
      callback(null, Buffer.alloc(0));
    },
  },
);
server.bindAsync(
  process.argv[2] ?? "127.0.0.1:0",
  ServerCredentials.createInsecure(),
  (error, port) => {
    if (error !== null) throw error;
    process.stdout.write(`listening on ${port}\n`);
  },
);
