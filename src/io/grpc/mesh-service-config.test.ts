import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { ChannelMesh } from "../../../test/support/channel-mesh.ts";
import { MeshConfig } from "./mesh-plan.ts";
import { meshServiceConfig } from "./mesh-service-config.ts";

const { services } = new ChannelMesh();
const service = services.open(undefined, "orders");
if (service === undefined) throw new Error("no room");

const ONCE = { service, retries: false };
const AGAIN = { service, retries: true };

const WRITTEN = {
  methodConfig: [{ name: [{ service: "a.B" }], timeout: "1.5s", waitForReady: true }],
  retryThrottling: { maxTokens: 7, tokenRatio: 1 },
};

test("calls are tried once, by our policy, when nobody says otherwise", () => {
  expect(meshServiceConfig(ONCE, {})).toEqual({
    loadBalancingConfig: [{ weir: new MeshConfig(ONCE) }],
    methodConfig: [],
  });
});

test("retries are of UNAVAILABLE only, throttled, and for methods that nobody else names", () => {
  const options = { "grpc.service_config": JSON.stringify({ methodConfig: WRITTEN.methodConfig }) };
  const { methodConfig, retryThrottling } = meshServiceConfig(AGAIN, options);
  expect(methodConfig).toEqual([
    expect.objectContaining({ name: [{ service: "a.B" }] }),
    {
      name: [{}],
      retryPolicy: expect.objectContaining({
        maxAttempts: 3,
        retryableStatusCodes: [status.UNAVAILABLE],
      }),
    },
  ]);
  expect(retryThrottling).toEqual({ maxTokens: 100, tokenRatio: 0.2 });
});

test("what the user wrote is kept, with durations as gRPC wants them", () => {
  const options = { "grpc.service_config": JSON.stringify(WRITTEN) };
  expect(meshServiceConfig(AGAIN, options)).toMatchObject({
    methodConfig: [
      {
        name: [{ service: "a.B" }],
        timeout: { seconds: 1, nanos: 500_000_000 },
        waitForReady: true,
      },
      { name: [{}] },
    ],
    retryThrottling: WRITTEN.retryThrottling,
  });
});

test("other resolvers cannot use our policy", () => {
  expect(() => MeshConfig.createFromJson({})).toThrow(/weir:orders/);
});
