/** The limit: a grpc-js server with the same messages through ts-proto that answers a constant. */

import type { handleUnaryCall } from "@grpc/grpc-js";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import {
  type RegisterRequest,
  type RegisterResponse,
  RegistryServiceService,
} from "../src/gen/weir/v1/registry.ts";

/** As long as what Weir answers. */
const RESPONSE: RegisterResponse = {
  registrationId: "9e3779b1-4a1c-4f6e-9b7d-000000000000",
  generation: 1n,
  leaseToken: Buffer.alloc(9 + 36, 7),
  lease: { seconds: 300n, nanos: 0 },
  renewInterval: { seconds: 100n, nanos: 0 },
};

const register: handleUnaryCall<RegisterRequest, RegisterResponse> = (call, callback) => {
  if (call.request.instance === undefined) throw new Error("no instance in the request");
  callback(null, RESPONSE);
};

const server = new Server({ "grpc.max_concurrent_streams": 1_000, "grpc.enable_channelz": 0 });
server.addService({ register: RegistryServiceService.register }, { register });
server.bindAsync(process.argv[2] ?? "127.0.0.1:0", ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});
