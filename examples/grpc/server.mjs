/** A gRPC service that joins the mesh. */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { Mesh } from "weir-mesh";
import { ordersService } from "./orders.mjs";

const server = new Server();
server.addService(ordersService, {
  get: ({ request }, answer) => answer(null, { id: request.id, servedBy: process.pid }),
});
const port = await new Promise((resolve, reject) => {
  const bound = (error, found) => (error ? reject(error) : resolve(found));
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), bound);
});

const mesh = await Mesh.connect();
await mesh.register({ service: "orders", port, defaults: { protocol: "grpc" } });

process.once("SIGTERM", () => mesh.close().then(() => server.tryShutdown(() => undefined)));
