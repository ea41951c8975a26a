import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { serverConfigFrom } from "../../src/apps/control-plane/config.ts";
import { runServer } from "../../src/apps/control-plane/main.ts";
import {
  type HealthCheckResponse,
  HealthClient,
  type HealthListResponse,
  HealthCheckResponse_ServingStatus as Status,
} from "../../src/gen/grpc/health/v1/health.ts";
import { HealthRegistry } from "../../src/io/grpc/health.ts";
import { fromServiceError } from "../../src/io/grpc/status.ts";
import { connectForTest, serveForTest } from "../support/grpc-test-server.ts";

async function start() {
  const registry = new HealthRegistry();
  const address = await serveForTest([registry.service()]);
  return { registry, client: connectForTest(HealthClient, address) };
}

function check(client: HealthClient, service: string): Promise<HealthCheckResponse> {
  return new Promise((resolve, reject) => {
    client.check({ service }, (error, response) =>
      error === null ? resolve(response) : reject(fromServiceError(error)),
    );
  });
}

function list(client: HealthClient): Promise<HealthListResponse> {
  return new Promise((resolve, reject) => {
    client.list({}, (error, response) => (error === null ? resolve(response) : reject(error)));
  });
}

test.each(["", "weir.v1.RegistryService", "weir.v1.DiscoveryService", "weir.v1.AdminService"])(
  "'%s' is serving until the server drains",
  async (service) => {
    const { registry, client } = await start();
    expect(await check(client, service)).toEqual({ status: Status.SERVING });
    registry.set(false);
    expect(await check(client, service)).toEqual({ status: Status.NOT_SERVING });
  },
);

test("an unknown name is refused, with the names there are", async () => {
  const { client } = await start();
  const refused = check(client, "weir.v1.Nothing");
  await expect(refused).rejects.toMatchObject({ code: "SERVICE_NOT_FOUND" });
  await expect(refused).rejects.toThrow(/"weir.v1.Nothing" .*weir.v1.RegistryService/);
});

test("List tells all of them", async () => {
  const { client } = await start();
  const { statuses } = await list(client);
  expect([...statuses.keys()].sort()).toEqual([
    "",
    "weir.v1.AdminService",
    "weir.v1.DiscoveryService",
    "weir.v1.PolicyService",
    "weir.v1.RegistryService",
  ]);
});

test("Watch tells the status at once and each change of it, then ends", async () => {
  const { registry, client } = await start();
  const watch = client.watch({ service: "" });
  const seen: number[] = [];
  watch.on("data", ({ status }: HealthCheckResponse) => seen.push(status));
  await once(watch, "data");
  registry.set(true);
  registry.set(false);
  await once(watch, "data");
  registry.end();
  await once(watch, "end");
  expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING]);
});

test("Watch of an unknown name stays open and says so", async () => {
  const { client } = await start();
  const watch = client.watch({ service: "weir.v1.Nothing" });
  watch.on("error", () => undefined);
  const [response] = await once(watch, "data");
  expect(response).toEqual({ status: Status.SERVICE_UNKNOWN });
  watch.cancel();
});

test("a replica that has not caught up with its peers is not serving yet", async () => {
  const flags = {
    ...{ listen: "127.0.0.1:0", admin: "127.0.0.1:0", replicaId: "r1" },
    // Nobody listens there: for ten seconds it waits for its peers.
    nats: "nats://127.0.0.1:1",
  };
  const server = await runServer(serverConfigFrom({ flags, env: {} }).settings, "test");
  onTestFinished(() => server.stop());
  const client = connectForTest(HealthClient, server.grpcAddress);
  expect(await check(client, "")).toEqual({ status: Status.NOT_SERVING });
});
