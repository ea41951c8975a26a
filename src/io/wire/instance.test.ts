import { expect, test } from "vitest";
import { NO_LOCALITY, NO_METADATA } from "../../core/model/instance.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import { Instance as InstanceMessage } from "../../gen/weir/v1/types.ts";
import { defaultsFromWire, defaultsToWire, instanceFromWire, instanceToWire } from "./instance.ts";

/** What a client sends that says as little as it may. */
function shortest(change: Partial<InstanceMessage> = {}): InstanceMessage {
  return {
    ...InstanceMessage.decode(new Uint8Array()),
    service: "orders",
    id: "orders-1",
    address: { target: { $case: "ip", value: "10.0.0.7" } },
    ports: [{ name: "", port: 8080, protocol: 0 }],
    ...change,
  };
}

function errorOf(run: () => unknown): MeshError {
  try {
    run();
  } catch (error) {
    if (error instanceof MeshError) return error;
  }
  throw new Error("expected a MeshError");
}

test("what is not said gets its documented default", () => {
  const instance = instanceFromWire(shortest(), "instance");
  expect(instance).toEqual({
    namespace: "default",
    service: "orders",
    id: "orders-1",
    address: { kind: "ip", value: "10.0.0.7" },
    ports: [{ name: "http", port: 8080, protocol: "http1" }],
    weight: 100,
    priority: 0,
    locality: NO_LOCALITY,
    metadata: NO_METADATA,
    health: "healthy",
    registrationId: "",
    generation: 0,
    leaseMs: 15_000,
  });
  expect(instance.metadata).toBe(NO_METADATA);
  expect(instance.locality).toBe(NO_LOCALITY);
});

test("an instance survives the wire", () => {
  const instance = instanceFromWire(
    shortest({
      namespace: "shop",
      address: { target: { $case: "unixPath", value: "/run/x.sock" } },
      ports: [
        { name: "web", port: 0, protocol: 2 },
        { name: "grpc", port: 9000, protocol: 3 },
        { name: "raw", port: 9001, protocol: 4 },
      ],
      weight: 0,
      priority: 7,
      locality: { region: "eu", zone: "a", subZone: "r1" },
      metadata: new Map([["__proto__", "v1"]]),
      health: 2,
      registrationId: "r-1",
      generation: 12n,
      lease: { seconds: 3n, nanos: 500_000_000 },
    }),
    "instance",
  );
  const bytes = InstanceMessage.encode(instanceToWire(instance)).finish();
  expect(instanceFromWire(InstanceMessage.decode(bytes), "instance")).toEqual(instance);
  expect(instance).toMatchObject({ weight: 0, health: "unhealthy", leaseMs: 3_500 });
});

test("one refusal names every bad field with its path", () => {
  const message = shortest({
    service: "__proto__",
    ports: [{ name: "", port: 70_000, protocol: 0 }],
    address: undefined,
    lease: { seconds: 1n, nanos: 0 },
  });
  const error = errorOf(() => instanceFromWire(message, "registrations[3].instance"));
  expect(error.code).toBe("INVALID_ARGUMENT");
  expect(error.detail.violations?.map(({ field }) => field)).toEqual([
    "registrations[3].instance.service",
    "registrations[3].instance.address",
    "registrations[3].instance.ports[0].port",
    "registrations[3].instance.lease",
  ]);
  expect(error.message).toContain('"__proto__"');
});

test("a flood of a name is cut in the refusal", () => {
  const error = errorOf(() =>
    instanceFromWire(shortest({ id: "\u001b".repeat(10_240) }), "instance"),
  );
  expect(error.message.length).toBeLessThan(500);
  expect(error.message).not.toContain("\u001b");
});

test("a request without an instance is told so", () => {
  expect(errorOf(() => instanceFromWire(undefined, "instance")).message).toMatch(/^instance: /);
});

test("codes of newer programs are taken as not said", () => {
  const future = -1 as const;
  const ports = [{ name: "", port: 80, protocol: future }];
  const instance = instanceFromWire(shortest({ ports, health: future }), "instance");
  expect(instance.ports[0]?.protocol).toBe("http1");
  expect(instance.health).toBe("healthy");
});

test("defaults that say nothing are none, others survive the wire", () => {
  expect(defaultsFromWire(undefined, "service_defaults")).toBeUndefined();
  expect(defaultsFromWire({ protocol: 0, policy: "" }, "service_defaults")).toBeUndefined();
  const defaults = { protocol: "grpc", policy: "policy_of_2030" } as const;
  expect(defaultsFromWire(defaultsToWire(defaults), "service_defaults")).toEqual(defaults);
  expect(() => defaultsFromWire({ protocol: 0, policy: "a b" }, "service_defaults")).toThrow(
    /^service_defaults\.policy: /,
  );
});
