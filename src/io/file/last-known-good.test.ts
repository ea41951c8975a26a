import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import { scratchFolder } from "../../../test/support/scratch-folder.ts";
import type { Endpoint } from "../../core/model/endpoint.ts";
import { NO_LOCALITY, NO_METADATA } from "../../core/model/instance.ts";
import type { InstanceId, RegistrationId } from "../../core/model/names.ts";
import type { Knowledge, SavedService } from "../../ports/last-known-good.ts";
import { lastKnownGoodFile, MAX_AGE_MS } from "./last-known-good.ts";

function endpoint(number: number): Endpoint {
  return {
    id: `i-${number}` as InstanceId,
    registrationId: `r-${number}` as RegistrationId,
    address: { kind: "ip", value: "10.0.0.7" },
    ports: [{ name: "http", port: 8080, protocol: "http1" }],
    weight: 100,
    priority: 0,
    locality: NO_LOCALITY,
    state: "healthy",
    metadata: NO_METADATA,
    hash: 2n ** 63n + BigInt(number),
    operatorRevision: number,
    firstRegistered: number,
  };
}

function service(name: string, endpointCount: number): SavedService {
  const endpoints = Array.from({ length: endpointCount }, (_, i) => endpoint(i));
  const digest = { count: endpointCount, sum: 7n };
  const resume = { epoch: 1_700_000_000_000, version: 9, digest };
  return { namespace: "default", service: name, endpoints, resume };
}

const known = (services: readonly SavedService[]): Knowledge => ({ services, positions: [] });

function open(folder = scratchFolder()) {
  const clock = new FakeClock();
  const problems: string[] = [];
  const path = join(folder, "state", "endpoints");
  const file = lastKnownGoodFile(path, clock, (reason) => problems.push(reason));
  return { clock, problems, path, file, folder };
}

test("services come back as they were, large ones and empty ones too", async () => {
  const { file, clock, problems } = open();
  const defaults = { protocol: "grpc", policy: "policy-of-2030" } as const;
  const services = [
    service("empty", 0),
    { ...service("large", 1_203), defaults },
    service("one", 1),
  ];
  const positions = [{ replicaId: "cp-1", epoch: 1_700_000_000_001, sequence: 17 }];
  await file.save({ services, positions });
  expect(file.load()).toEqual({ services, positions, savedAtWallMs: clock.wallMs() });
  expect(problems).toEqual([]);
});

test("nothing saved is nothing, without a problem", () => {
  const { file, problems } = open();
  expect(file.load()).toBeUndefined();
  expect(problems).toEqual([]);
});

test("the last of several saves counts", async () => {
  const { file } = open();
  await Promise.all([1, 2, 3].map((count) => file.save(known([service("orders", count)]))));
  expect(file.load()?.services[0]?.endpoints).toHaveLength(3);
});

test("a day is the longest that endpoints are trusted", async () => {
  const { file, clock, problems } = open();
  await file.save(known([service("orders", 1)]));
  clock.advance(MAX_AGE_MS);
  expect(file.load()?.services).toHaveLength(1);
  clock.advance(1);
  expect(file.load()).toBeUndefined();
  expect(problems).toEqual([
    expect.stringMatching(/is 24 hours old, more than 24; it was not used$/),
  ]);
});

test("a damaged file is set aside and reported, and saving goes on", async () => {
  const { file, path, problems, folder } = open();
  await file.save(known([service("orders", 1)]));
  writeFileSync(path, readFileSync(path).subarray(0, -3));
  expect(file.load()).toBeUndefined();
  expect(problems).toEqual([expect.stringMatching(/set aside as .*endpoints\.corrupt-1$/)]);
  await file.save(known([service("orders", 2)]));
  expect(file.load()?.services[0]?.endpoints).toHaveLength(2);
  expect(readdirSync(join(folder, "state")).sort()).toEqual(["endpoints", "endpoints.corrupt-1"]);
});

test("a directory that cannot be made is named", async () => {
  const { file, folder } = open();
  writeFileSync(join(folder, "state"), "");
  await expect(file.save(known([]))).rejects.toMatchObject({ code: "STORAGE_FAILED" });
});
