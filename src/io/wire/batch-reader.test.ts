import { expect, test } from "vitest";
import { AttachRequest, type Registration } from "../../gen/weir/v1/registry.ts";
import { Instance } from "../../gen/weir/v1/types.ts";
import { readBatch } from "./batch-reader.ts";

function aRegistration(id: string): Registration {
  const instance: Instance = {
    ...Instance.decode(new Uint8Array()),
    service: "orders",
    id,
    address: { target: { $case: "ip", value: "10.0.0.7" } },
    ports: [{ name: "http", port: 80, protocol: 1 }],
  };
  return { instance, serviceDefaults: undefined, leaseToken: Buffer.alloc(0) };
}

function encoded(message: AttachRequest["message"]): Buffer {
  return Buffer.from(AttachRequest.encode({ message }).finish());
}

test("a batch has what was read, and the messages of what was not", () => {
  const registrations = [aRegistration("a"), aRegistration("-wrong-"), aRegistration("c")];
  const batch = readBatch(
    encoded({ $case: "register", value: { requestId: 300n, registrations } }),
  );
  expect([...(batch?.requestId ?? [])]).toEqual([0x08, 0xac, 0x02]);
  expect(batch?.registrations).toMatchObject([
    { instance: { id: "a", address: { kind: "ip" } } },
    registrations[1] ?? {},
    { instance: { id: "c", address: { kind: "ip" } } },
  ]);
});

test("a batch of nobody is one", () => {
  const bytes = encoded({ $case: "register", value: { requestId: 0n, registrations: [] } });
  expect(readBatch(bytes)).toEqual({
    $case: "batch",
    requestId: new Uint8Array(),
    registrations: [],
  });
});

test("what is not a batch alone is left to the generated decoder", () => {
  const beat = encoded({ $case: "beat", value: { sequence: 1n } });
  const batch = encoded({
    $case: "register",
    value: { requestId: 1n, registrations: [aRegistration("a")] },
  });
  expect(readBatch(beat)).toBeUndefined();
  expect(readBatch(Buffer.concat([batch, beat]))).toBeUndefined();
  expect(readBatch(batch.subarray(0, batch.length - 1))).toBeUndefined();
  expect(readBatch(Buffer.alloc(0))).toBeUndefined();
});
