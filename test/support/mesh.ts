import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished, vi } from "vitest";
import { serverConfigFrom } from "../../src/apps/control-plane/config.ts";
import { runServer } from "../../src/apps/control-plane/main.ts";
import { type ConnectOptions, Mesh } from "../../src/apps/library/main.ts";
import type { ServiceDefaults } from "../../src/core/model/instance.ts";
import type { RegistrationId } from "../../src/core/model/names.ts";
import { connectApi } from "../../src/io/grpc/api-client.ts";
import type { ControlPlaneApi } from "../../src/ports/control-plane-api.ts";
import { anInstance } from "./builders.ts";
import { quietLog } from "./control-plane.ts";

/** A control plane in this process, for example with a certificate. @returns its gRPC address. */
export async function aControlPlaneServer(
  more: Readonly<Record<string, string>> = {},
): Promise<{ address: string; stop(): Promise<void> }> {
  vi.stubEnv("WEIR_LOG_LEVEL", "silent");
  const flags = { listen: "127.0.0.1:0", admin: "127.0.0.1:0", settleAfter: "0s", ...more };
  const server = await runServer(serverConfigFrom({ flags, env: {} }).settings, "test");
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= server.stop();
    return stopped;
  };
  onTestFinished(async () => {
    await stop();
    vi.unstubAllEnvs();
  });
  return { address: server.grpcAddress, stop };
}

/** A mesh that is closed when the test is over. */
export async function aMesh(controlPlane: string, more: ConnectOptions = {}): Promise<Mesh> {
  const mesh = await Mesh.connect({ controlPlane: [controlPlane], log: quietLog, ...more });
  onTestFinished(() => mesh.close(0));
  return mesh;
}

/** A real HTTP server. */
export async function aServer(
  listener: RequestListener,
): Promise<{ server: Server; port: number }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

/** Registers an endpoint of this machine for 5 minutes, as a stranger's program would. */
export async function registered(
  controlPlane: string,
  id: string,
  port: number,
  more: { readonly service?: string; readonly defaults?: ServiceDefaults } = {},
): Promise<ControlPlaneApi> {
  const api = connectApi(controlPlane);
  onTestFinished(() => api.close());
  const { service = "orders", defaults } = more;
  const ports = [{ name: "http", port, protocol: "http1" as const }];
  const process = `${id}-process` as RegistrationId;
  const instance = anInstance({ id, service, ports, leaseMs: 300_000, registrationId: process });
  await api.register({ instance, defaults, leaseToken: new Uint8Array() });
  return api;
}
