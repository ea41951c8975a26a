import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, readFileSync } from "node:fs";
import { get } from "node:https";
import { text } from "node:stream/consumers";
import { Client, type ServiceError, status } from "@grpc/grpc-js";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { serverConfigFrom } from "../../src/apps/control-plane/config.ts";
import { type RunningServer, runServer } from "../../src/apps/control-plane/main.ts";
import type { RegistrationId } from "../../src/core/model/names.ts";
import {
  type HealthCheckRequest,
  HealthClient,
  HealthService,
} from "../../src/gen/grpc/health/v1/health.ts";
import { type RegisterRequest, RegistryServiceClient } from "../../src/gen/weir/v1/registry.ts";
import { FinishedCalls } from "../../src/io/grpc/finished-calls.ts";
import { unary } from "../../src/io/grpc/handler.ts";
import { startGrpcServer } from "../../src/io/grpc/server.ts";
import { instanceToWire } from "../../src/io/wire/instance.ts";
import { anInstance } from "../support/builders.ts";
import { TestCa } from "../support/certificates.ts";
import { connectForTest } from "../support/grpc-test-server.ts";
import { scratchFolder } from "../support/scratch-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

/** The figures of a real server after real calls. */

const WITHIN_MS = 10_000;

const HELLO = { clientId: "c", softwareVersion: "1" };

let server: RunningServer;
let client: RegistryServiceClient;

async function run(more: Record<string, string> = {}): Promise<RunningServer> {
  const flags = { listen: "127.0.0.1:0", admin: "127.0.0.1:0", settleAfter: "0s", ...more };
  const running = await runServer(serverConfigFrom({ flags, env: {} }).settings, "test");
  onTestFinished(() => running.stop());
  return running;
}

beforeEach(async () => {
  server = await run();
  client = connectForTest(RegistryServiceClient, server.grpcAddress);
});

async function page(): Promise<string> {
  return (await fetch(`http://${server.adminAddress}/metrics`)).text();
}

function securePage({ adminAddress }: RunningServer, ca: TestCa): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { ca: ca.pem, agent: false };
    const request = get(`https://${adminAddress}/metrics`, options, (response) => {
      text(response).then(resolve, reject);
    });
    request.on("error", reject);
  });
}

/** The samples of one figure that are not 0, by their labels. */
async function figures(name: string): Promise<Record<string, number>> {
  const samples = (await page()).split("\n").filter((line) => line.startsWith(`${name}{`));
  const found = samples.map((line): [string, number] => {
    const space = line.lastIndexOf(" ");
    return [line.slice(name.length, space), Number(line.slice(space + 1))];
  });
  return Object.fromEntries(found.filter(([, value]) => value !== 0));
}

const calls = () => figures("weir_grpc_server_handled_total");
const refusals = () => figures("weir_admission_rejected_total");

function registration(of: Parameters<typeof anInstance>[0] = {}): RegisterRequest {
  const instance = instanceToWire(anInstance(of));
  return { instance, serviceDefaults: undefined, leaseToken: Buffer.alloc(0) };
}

function register(request: RegisterRequest): Promise<ServiceError | null> {
  return new Promise((resolve) => {
    client.register(request, (error) => resolve(error));
  });
}

/** A call by hand, of a method that may not exist. */
function callPath(path: string): Promise<ServiceError | null> {
  const raw = connectForTest(Client, server.grpcAddress);
  const bytes = (buffer: Buffer) => buffer;
  return new Promise((resolve) => {
    raw.makeUnaryRequest(path, bytes, bytes, Buffer.alloc(0), (error) => resolve(error));
  });
}

test("calls are counted by method and status, and unknown methods not at all", async () => {
  const named = (code: string) => `{method="weir.v1.RegistryService/Register",code="${code}"}`;
  await register(registration());
  await register(registration({ id: "b" }));
  await register(registration({ weight: 20_000 }));
  expect((await callPath("/weir.v1.RegistryService/Guess"))?.code).toBe(status.UNIMPLEMENTED);
  expect(await calls()).toEqual({ [named("OK")]: 2, [named("INVALID_ARGUMENT")]: 1 });
});

test("the end of the certificate in use, also of one that came while it ran", async () => {
  expect(await page()).not.toContain("weir_cert_expiry_timestamp_seconds");
  const ca = new TestCa(scratchFolder());
  const [first, next] = [ca.issue({ days: 20 }), ca.issue({ days: 25 })];
  const secured = await run({ tlsCert: first.cert, tlsKey: first.key });
  const endOf = (path: string): number =>
    new X509Certificate(readFileSync(path)).validToDate.getTime() / 1_000;
  const line = (seconds: number) => `weir_cert_expiry_timestamp_seconds ${seconds}\n`;
  const [firstEnd, nextEnd] = [endOf(first.cert), endOf(next.cert)];
  expect(nextEnd).toBeGreaterThan(firstEnd);
  expect(await securePage(secured, ca)).toContain(line(firstEnd));
  copyFileSync(next.cert, first.cert);
  copyFileSync(next.key, first.key);
  secured.reload();
  expect(await securePage(secured, ca)).toContain(line(nextEnd));
});

test("an answer that its caller waits for no more is counted as cancelled", async () => {
  const finished = new FinishedCalls();
  const entered = Promise.withResolvers<void>();
  const handlers = {
    check: unary(async (_request: HealthCheckRequest, { signal }) => {
      const aborted = once(signal, "abort");
      entered.resolve();
      await aborted;
      return { status: 1 };
    }),
  };
  const slow = await startGrpcServer(
    "127.0.0.1:0",
    [{ definition: { check: HealthService.check }, handlers }],
    {},
    finished,
  );
  onTestFinished(() => slow.stop());
  const call = connectForTest(HealthClient, slow.address).check({ service: "" }, () => undefined);
  await entered.promise;
  expect(finished.list()).toEqual([]);
  call.cancel();
  await waitUntil("its end", WITHIN_MS, () => finished.list().length > 0);
  const method = "grpc.health.v1.Health/Check";
  expect(finished.list()).toEqual([{ method, code: "CANCELLED", count: 1 }]);
});

test("a stream is counted once, when it ends, by what ended it", async () => {
  const named = (code: string) => `{method="weir.v1.RegistryService/Attach",code="${code}"}`;
  const open = () => {
    const stream = client.attach();
    stream.on("error", () => undefined);
    return stream;
  };
  const welcomed = (stream: ReturnType<typeof open>) =>
    new Promise<void>((resolve) => {
      stream.once("data", () => resolve());
      stream.write({ message: { $case: "hello", value: HELLO } });
    });
  const [leaves, breaks, errs] = [open(), open(), open()];
  await Promise.all([welcomed(leaves), welcomed(breaks)]);
  expect(await calls()).toEqual({});
  leaves.end();
  breaks.cancel();
  // What comes first must be `hello`.
  errs.write({ message: { $case: "beat", value: { sequence: 1n } } });
  const ended = { [named("OK")]: 1, [named("CANCELLED")]: 1, [named("FAILED_PRECONDITION")]: 1 };
  await waitUntil("three ends", WITHIN_MS, async () => Object.keys(await calls()).length === 3);
  expect(await calls()).toEqual(ended);
});

test("registrations that are refused are counted by why, in batches too", async () => {
  await register(registration());
  await register(registration({ registrationId: "r2" as RegistrationId }));
  // The former process comes again.
  expect((await register(registration()))?.code).toBe(status.ABORTED);
  await register(registration({ weight: 20_000 }));
  expect(await refusals()).toEqual({
    '{reason="SUPERSEDED"}': 1,
    '{reason="INVALID_ARGUMENT"}': 1,
  });
  const stream = client.attach();
  stream.on("error", () => undefined);
  onTestFinished(() => stream.cancel());
  const answered = new Promise<void>((resolve) => {
    stream.on("data", ({ message }) => {
      if (message?.$case === "registered") resolve();
    });
  });
  stream.write({ message: { $case: "hello", value: HELLO } });
  const registrations = [
    registration({ id: "x", ports: [] }),
    registration({ id: "y" }),
    registration(),
  ];
  stream.write({
    message: { $case: "register", value: { requestId: 1n, registrations } },
  });
  await answered;
  expect(await refusals()).toEqual({
    '{reason="SUPERSEDED"}': 2,
    '{reason="INVALID_ARGUMENT"}': 2,
  });
});
