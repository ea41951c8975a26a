/** A gRPC server of the library bench: `grpc.health.v1.Health`, answered by a constant. */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { HealthService } from "../src/gen/grpc/health/v1/health.ts";

const server = new Server({ "grpc.enable_channelz": 0 });
server.addService(
  { check: HealthService.check },
  {
    check: (_call: unknown, callback: (error: null, response: { status: number }) => void) =>
      callback(null, { status: 1 }),
  },
);
server.bindAsync(process.argv[2] ?? "127.0.0.1:0", ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});
