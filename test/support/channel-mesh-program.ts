import { Client, credentials } from "@grpc/grpc-js";
import { registerGrpcMesh } from "../../src/io/grpc/mesh-scheme.ts";
import { ChannelMesh, endpointOf } from "./channel-mesh.ts";
import { ECHO_METHODS } from "./echo-server.ts";

/**
 * A program that calls an echo server at the port of its argument once, closes its mesh, and leaves
 * its client open: it should end by itself.
 */
const mesh = new ChannelMesh();
mesh.has([endpointOf({ name: "a", port: Number(process.argv[2]) })]);
const close = registerGrpcMesh("default", mesh.services);
const client = new Client("weir:orders", credentials.createInsecure());
const { path, requestSerialize, responseDeserialize } = ECHO_METHODS.unary;
client.makeUnaryRequest(path, requestSerialize, responseDeserialize, "hello", (error, answer) => {
  process.stdout.write(error === null ? (answer ?? "") : error.message);
  close();
});
