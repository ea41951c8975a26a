import { expect, test } from "vitest";
import { anInstance } from "../../../test/support/builders.ts";
import { aLeaseToken } from "../../../test/support/lease-token.ts";
import type { RegistrationId, ServiceKey } from "../../core/model/names.ts";
import { LeaseGroup } from "../../core/registry/lease.ts";
import { InstanceRecord } from "../../core/registry/record.ts";
import { ServiceEntry } from "../../core/registry/service-entry.ts";
import { AttachResponse, RegisterResponse } from "../../gen/weir/v1/registry.ts";
import { msToDuration } from "./duration.ts";
import { encodeRegistered, encodeRequestId, encodeResults } from "./registered-writer.ts";

const HLC = 1_700_000_000_000 * 1024 + 5;

function aRecord(registrationId: string, generation: number, leaseMs = 15_000): InstanceRecord {
  const service = new ServiceEntry<InstanceRecord>(
    "default/orders" as ServiceKey,
    "default",
    "orders",
  );
  const instance = anInstance({
    registrationId: registrationId as RegistrationId,
    generation,
    leaseMs,
  });
  return new InstanceRecord(service, instance, HLC, new LeaseGroup(leaseMs, "", 0));
}

function answerTo({ instance }: InstanceRecord): RegisterResponse {
  const { registrationId, generation, leaseMs } = instance;
  return {
    registrationId,
    generation: BigInt(generation),
    leaseToken: aLeaseToken(registrationId, HLC),
    lease: msToDuration(leaseMs),
    renewInterval: msToDuration(Math.max(1_000, Math.floor(leaseMs / 3))),
  };
}

test.each([
  ["short", 1, 15_000],
  ["a".repeat(64), 2 ** 40, 3_000.5],
  ["generation-0", 0, 300_000],
])("an answer reads back: %s", (registrationId, generation, leaseMs) => {
  const record = aRecord(registrationId, generation, leaseMs);
  expect(RegisterResponse.decode(encodeRegistered(record))).toEqual(answerTo(record));
});

test.each([0n, 7n, 2n ** 64n - 1n])("the answers to batch %s read back in its order", (id) => {
  const records = [aRecord("first", 1), aRecord("b".repeat(64), 128), aRecord("third", 3, 4_000)];
  const refused = { code: 10, reason: "SUPERSEDED", message: "another process" };
  const [first, second, third] = records as [InstanceRecord, InstanceRecord, InstanceRecord];
  const bytes = encodeResults(encodeRequestId(id), [first, refused, second, third]);
  const accepted = (record: InstanceRecord) => ({
    accepted: answerTo(record),
    code: 0,
    reason: "",
    message: "",
  });
  expect(AttachResponse.decode(bytes).message).toEqual({
    $case: "registered",
    value: {
      requestId: id,
      results: [
        accepted(first),
        { accepted: undefined, ...refused },
        accepted(second),
        accepted(third),
      ],
    },
  });
});

test("no results are an answer too", () => {
  const message = AttachResponse.decode(encodeResults(encodeRequestId(3n), [])).message;
  expect(message).toEqual({ $case: "registered", value: { requestId: 3n, results: [] } });
});
