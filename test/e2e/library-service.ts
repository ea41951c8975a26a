/**
 * A program that serves HTTP or gRPC and joins the mesh through the library. SIGTERM ends it as a
 * deployment does: `close` drains, and the process exits the instant that it resolves.
 * Arguments: KIND ID CONTROL_PLANE.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type handleUnaryCall, Metadata, Server, ServerCredentials } from "@grpc/grpc-js";
import { Mesh } from "../../src/apps/library/main.ts";
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthService,
} from "../../src/gen/grpc/health/v1/health.ts";
import { GRPC_SERVICE, HTTP_SERVICE } from "./library-protocol.ts";

const [kind = "", id = "", controlPlane = ""] = process.argv.slice(2);

/** Some answers take this long, so that a drain has something to wait for. */
const SLOW_MS = 300;

/** A short lease: what is killed leaves the lists while the run still looks. */
const LEASE = "5s";

async function serveHttp(): Promise<number> {
  const server = createServer((request, response) => {
    request.resume().once("end", () => {
      if (request.url === "/slow") setTimeout(() => response.end(id), SLOW_MS);
      else response.end(id);
    });
    request.once("error", () => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return (server.address() as AddressInfo).port;
}

/**
 * Names itself in a header: the health protocol has no room for it. With the answer, as unary
 * services do: gRPC repeats no call whose headers have come.
 */
const check: handleUnaryCall<HealthCheckRequest, HealthCheckResponse> = (call, callback) => {
  const answer = (): void => {
    const name = new Metadata();
    name.set("served-by", id);
    call.sendMetadata(name);
    callback(null, { status: 1 });
  };
  if (call.request.service === "slow") setTimeout(answer, SLOW_MS);
  else answer();
};

function serveGrpc(): Promise<number> {
  const server = new Server({ "grpc.enable_channelz": 0 });
  server.addService({ check: HealthService.check }, { check });
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

const port = kind === "http" ? await serveHttp() : await serveGrpc();
const mesh = await Mesh.connect({ controlPlane: [controlPlane], id });
process.once("SIGTERM", () => {
  mesh.close().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
const protocol = kind === "http" ? ("http1" as const) : ("grpc" as const);
const service = kind === "http" ? HTTP_SERVICE : GRPC_SERVICE;
const ports = [{ name: "main", port, protocol }];
await mesh.register({ service, id, ports, lease: LEASE, defaults: { protocol } });
process.stdout.write("registered\n");
