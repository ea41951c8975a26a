import {
  type ChannelCredentials,
  type Client,
  type ClientOptions,
  credentials,
} from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import { type GrpcService, startGrpcServer } from "../../src/io/grpc/server.ts";

/** A real server on a free port that is gone when the test is. @returns its address. */
export async function serveForTest(services: readonly GrpcService[]): Promise<string> {
  const server = await startGrpcServer("127.0.0.1:0", services);
  onTestFinished(() => server.stop());
  return server.address;
}

type ClientClass<T extends Client> = new (
  address: string,
  credentials: ChannelCredentials,
  options?: Partial<ClientOptions>,
) => T;

/** A client with a connection of its own that is closed when the test is done. */
export function connectForTest<T extends Client>(Type: ClientClass<T>, address: string): T {
  const options = { "grpc.use_local_subchannel_pool": 1 };
  const client = new Type(address, credentials.createInsecure(), options);
  onTestFinished(() => client.close());
  return client;
}
