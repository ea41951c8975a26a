import { beforeEach, expect, test } from "vitest";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import { FakeControlPlaneApi } from "../../../test/support/fake-control-plane-api.ts";
import { NO_LOCALITY, NO_METADATA } from "../../core/model/instance.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { InstanceId, RegistrationId } from "../../core/model/names.ts";
import type { Registration } from "../../ports/control-plane-api.ts";
import { keepRegistered } from "./keep-registered.ts";

const REGISTRATION: Registration = {
  instance: {
    namespace: "default",
    service: "orders",
    id: "orders-1" as InstanceId,
    address: { kind: "ip", value: "127.0.0.1" },
    ports: [{ name: "http", port: 8081, protocol: "http1" }],
    weight: 100,
    priority: 0,
    locality: NO_LOCALITY,
    metadata: NO_METADATA,
    health: "healthy",
    registrationId: "process-1" as RegistrationId,
    generation: 1,
    leaseMs: 15_000,
  },
  defaults: undefined,
  leaseToken: new Uint8Array(),
};

let api: FakeControlPlaneApi;
let clock: FakeClock;
let stopping: AbortController;
let said: string[];
let kept: Promise<void>;

beforeEach(async () => {
  api = new FakeControlPlaneApi();
  clock = new FakeClock();
  stopping = new AbortController();
  said = [];
  kept = keepRegistered({
    api,
    clock,
    registration: REGISTRATION,
    stopping: stopping.signal,
    say: (line) => said.push(line),
  });
  await settled();
});

/** Lets everything run that waits for nothing but other promises. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

async function after(ms: number): Promise<void> {
  clock.advance(ms);
  await settled();
}

test("renews at the interval that the control plane names", async () => {
  await after(4_999);
  expect(api.calls).toEqual(["register orders-1 1"]);
  await after(1);
  await after(5_000);
  expect(api.calls).toEqual(["register orders-1 1", "renew orders-1", "renew orders-1"]);
});

test("leaves when told to, under its own registration", async () => {
  stopping.abort();
  await kept;
  expect(api.calls.at(-1)).toBe("deregister orders-1 process-1");
  expect(said.at(-1)).toBe("deregistered orders-1");
});

test("registers again with the next generation and its token when the lease is gone", async () => {
  api.renewal = "not-found";
  await after(5_000);
  expect(api.calls.at(-1)).toBe("register orders-1 2");
  expect(api.registrations.at(-1)).toMatchObject({
    instance: { registrationId: "process-1" },
    leaseToken: new Uint8Array([7]),
  });
  await after(5_000);
  expect(api.calls.at(-1)).toBe("register orders-1 3");
});

test("survives an outage: tries every second, and says so once", async () => {
  api.failure = new MeshError("UNREACHABLE", "nobody there");
  await after(5_000);
  await after(1_000);
  await after(1_000);
  expect(api.calls.filter((call) => call.startsWith("renew"))).toHaveLength(3);
  expect(said.filter((line) => line.includes("nobody there"))).toHaveLength(1);
  api.failure = undefined;
  await after(1_000);
  expect(said.at(-1)).toBe("renewing again");
});

test("gives up when another process holds the id, and says what to do", async () => {
  const failed = expect(kept).rejects.toMatchObject({
    code: "SUPERSEDED",
    message: expect.stringContaining("--id"),
  });
  api.renewal = "superseded";
  await after(5_000);
  await failed;
});

test("gives up when the control plane refuses for good", async () => {
  const failed = expect(kept).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  api.failure = new MeshError("PERMISSION_DENIED", "not yours");
  await after(5_000);
  await failed;
});

test("a lease that ended before the goodbye is no failure", async () => {
  api.failure = new MeshError("INSTANCE_NOT_FOUND", "gone");
  stopping.abort();
  await kept;
  expect(said.at(-1)).toBe("deregistered orders-1");
});
