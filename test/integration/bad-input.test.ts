import { once } from "node:events";
import { connect } from "node:net";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serverConfigFrom } from "../../src/apps/control-plane/config.ts";
import { type RunningServer, runServer } from "../../src/apps/control-plane/main.ts";
import { RegisterRequest, RegistryServiceClient } from "../../src/gen/weir/v1/registry.ts";
import { fromServiceError } from "../../src/io/grpc/status.ts";

let server: RunningServer;
let raw: Client;

beforeAll(async () => {
  const flags = { listen: "127.0.0.1:0", admin: "127.0.0.1:0", settleAfter: "0s" };
  server = await runServer(serverConfigFrom({ flags, env: {} }).settings, "test");
  raw = new Client(server.grpcAddress, credentials.createInsecure());
});

afterAll(async () => {
  raw.close();
  await server.stop();
});

/** A unary call whose request bytes are whatever a test wants. */
function send(method: string, bytes: Buffer): Promise<ServiceError | undefined> {
  return new Promise((resolve) => {
    raw.makeUnaryRequest(
      `/weir.v1.RegistryService/${method}`,
      (buffer: Buffer) => buffer,
      (buffer: Buffer) => buffer,
      bytes,
      { deadline: Date.now() + 10_000 },
      (error) => resolve(error ?? undefined),
    );
  });
}

/** Whatever a test did, the next honest caller is served. */
async function isWell(): Promise<boolean> {
  const client = new RegistryServiceClient(server.grpcAddress, credentials.createInsecure());
  const error = await new Promise<ServiceError | null>((resolve) => {
    client.listServices(
      { namespace: "", pageSize: 0, pageToken: "" },
      { deadline: Date.now() + 10_000 } as never,
      resolve as never,
    );
  });
  client.close();
  return error === null;
}

describe("bytes that are no gRPC", () => {
  test.each([
    { what: "HTTP/1.1", bytes: Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n") },
    {
      what: "noise",
      bytes: Buffer.from(Array.from({ length: 65_536 }, (_, i) => (i * 131) % 256)),
    },
    { what: "a TLS hello", bytes: Buffer.from("16030100c8010000c40303", "hex") },
    {
      what: "frames of nobody's stream after the preface",
      bytes: Buffer.from(
        `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${"\x00\x00\x08\x03\x00\x00\x00\x09\x00".repeat(50)}`,
        "latin1",
      ),
    },
  ])("$what ends that connection and nothing else", async ({ bytes }) => {
    const [host, port] = server.grpcAddress.split(":");
    const socket = connect(Number(port), host);
    socket.on("error", () => undefined);
    socket.resume();
    await once(socket, "connect");
    socket.end(bytes);
    await once(socket, "close");
    expect(await isWell()).toBe(true);
  });
});

describe("messages that are no registrations", () => {
  const nested = Buffer.alloc(20_000, 0x0b);
  test.each([
    { what: "a truncated message", bytes: Buffer.from("0aff", "hex"), code: status.INTERNAL },
    { what: "groups in groups", bytes: nested, code: status.INTERNAL },
    {
      what: "five megabytes",
      bytes: Buffer.alloc(5 * 1024 * 1024),
      code: status.RESOURCE_EXHAUSTED,
    },
    { what: "nothing", bytes: Buffer.alloc(0), code: status.INVALID_ARGUMENT },
  ])("$what is refused, and the server stays well", async ({ bytes, code }) => {
    expect((await send("Register", bytes))?.code).toBe(code);
    expect(await isWell()).toBe(true);
  });
});

describe("values that nobody should register", () => {
  const good = {
    namespace: "default",
    service: "orders",
    id: "a",
    address: { target: { $case: "ip" as const, value: "127.0.0.1" } },
    ports: [{ name: "http", port: 80, protocol: 0 as const }],
    priority: 0,
    weight: undefined,
    locality: undefined,
    metadata: new Map<string, string>(),
    health: 0 as const,
    registrationId: "",
    generation: 0n,
    lease: undefined,
  };
  test.each([
    { with: { service: "__proto__" }, field: "instance.service" },
    { with: { service: "*" }, field: "instance.service" },
    { with: { service: ">" }, field: "instance.service" },
    { with: { service: "x".repeat(10_240) }, field: "instance.service" },
    { with: { namespace: "a/b" }, field: "instance.namespace" },
    { with: { id: "..\u0000/\u202e" }, field: "instance.id" },
    { with: { ports: [] }, field: "instance.ports" },
    {
      with: { ports: [{ name: "http", port: 70_000, protocol: 0 as const }] },
      field: "instance.ports[0].port",
    },
    { with: { weight: 10_001 }, field: "instance.weight" },
    { with: { priority: 128 }, field: "instance.priority" },
    { with: { lease: { seconds: 1n, nanos: 0 } }, field: "instance.lease" },
    { with: { metadata: new Map([["k", "v".repeat(300)]]) }, field: "instance.metadata" },
    {
      with: { address: { target: { $case: "ip" as const, value: "169.254.0.300" } } },
      field: "instance.address.ip",
    },
  ])("$field names itself", async ({ with: bad, field }) => {
    const request = RegisterRequest.encode({
      instance: { ...good, ...bad },
      serviceDefaults: undefined,
      leaseToken: Buffer.alloc(0),
    }).finish();
    const error = await send("Register", Buffer.from(request));
    const { code, detail } = fromServiceError(error as ServiceError);
    expect(code).toBe("INVALID_ARGUMENT");
    expect(detail.violations?.map((violation) => violation.field).join()).toContain(field);
    expect(await isWell()).toBe(true);
  });
});

describe("the admin port", () => {
  const get = async (path: string, init?: RequestInit): Promise<Response> =>
    fetch(`http://${server.adminAddress}${path}`, init);

  test("answers what it has, and lists it otherwise", async () => {
    expect((await get("/readyz")).status).toBe(200);
    const lost = await get("/../../etc/passwd");
    expect(lost.status).toBe(404);
    expect(await lost.text()).toContain("/metrics");
    expect((await get("/services", { method: "POST" })).status).toBe(405);
  });

  test("refuses a Host that a web page rebound to this machine", async () => {
    const [host, port] = server.adminAddress.split(":");
    const socket = connect(Number(port), host);
    socket.write("GET /instances HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    const [first] = (await once(socket, "data")) as [Buffer];
    expect(first.toString()).toContain("HTTP/1.1 403");
    socket.destroy();
  });
});
