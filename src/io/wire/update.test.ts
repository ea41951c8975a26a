import fc from "fast-check";
import { expect, test } from "vitest";
import type { EndpointsUpdate, ServiceUpdate, Update } from "../../core/discovery/update.ts";
import type { Endpoint, Removal } from "../../core/model/endpoint.ts";
import type { Address, Port, Protocol } from "../../core/model/instance.ts";
import type { InstanceId, RegistrationId } from "../../core/model/names.ts";
import { WatchResponse } from "../../gen/weir/v1/discovery.ts";
import { encodeEndpoint, endpointFromWire, endpointToWire, removalToWire } from "./endpoint.ts";
import {
  ackFromWire,
  ackToWire,
  encodeUpdate,
  inFlightFromWire,
  inFlightToWire,
  nonceFromWire,
  resumeFromWire,
  resumeToWire,
  updateFromWire,
} from "./update.ts";

const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const hash = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const protocol = fc.constantFrom<Protocol>("http1", "http2", "grpc", "tcp");
const address: fc.Arbitrary<Address> = fc.record({
  kind: fc.constantFrom("ip", "hostname", "unix"),
  value: text,
});
const port: fc.Arbitrary<Port> = fc.record({ name: text, port: fc.nat(65_535), protocol });
const endpoint: fc.Arbitrary<Endpoint> = fc.record({
  id: text as fc.Arbitrary<InstanceId>,
  registrationId: text as fc.Arbitrary<RegistrationId>,
  address,
  ports: fc.array(port, { maxLength: 3 }),
  weight: fc.nat(10_000),
  priority: fc.nat(127),
  locality: fc.record({ region: fc.string(), zone: fc.string(), subZone: fc.string() }),
  state: fc.constantFrom("healthy", "unhealthy", "suspect", "draining"),
  metadata: fc.array(fc.tuple(text, fc.string()), { maxLength: 4 }).map((pairs) => new Map(pairs)),
  hash,
  operatorRevision: count,
  firstRegistered: count,
});
const removal: fc.Arbitrary<Removal> = fc.record({
  id: text as fc.Arbitrary<InstanceId>,
  registrationId: text as fc.Arbitrary<RegistrationId>,
  reason: fc.constantFrom("deregistered", "expired", "superseded", "evicted"),
});
const digest = fc.record({ count: fc.nat(0xffff_ffff), sum: hash });
const positions = fc.array(fc.record({ replicaId: text, epoch: count, sequence: count }), {
  minLength: 1,
  maxLength: 8,
});
const withoutPositions: fc.Arbitrary<EndpointsUpdate> = fc.record({
  type: fc.constant("endpoints"),
  kind: fc.constantFrom("pending", "resumed", "delta", "snapshot", "absent"),
  namespace: text,
  service: text,
  fromVersion: count,
  version: count,
  chunk: fc.nat(1000),
  isLastChunk: fc.boolean(),
  settled: fc.boolean(),
  exists: fc.boolean(),
  upserts: fc.array(endpoint, { maxLength: 8 }),
  removals: fc.array(removal, { maxLength: 4 }),
  digest,
});
const endpointsUpdate = fc.oneof(
  withoutPositions,
  fc.tuple(withoutPositions, positions).map(([update, said]) => ({ ...update, positions: said })),
);
const serviceUpdate: fc.Arbitrary<ServiceUpdate> = fc.record({
  type: fc.constant("service"),
  namespace: text,
  service: text,
  version: count,
  settled: fc.boolean(),
  defaults: fc.option(fc.record({ protocol, policy: fc.string() }), { nil: undefined }),
});
const update: fc.Arbitrary<Update> = fc.oneof(endpointsUpdate, serviceUpdate);

function decode(bytes: Uint8Array) {
  const { message } = WatchResponse.decode(bytes);
  if (message?.$case !== "update") throw new Error("expected an update");
  return message.value;
}

test("what was encoded decodes to the same update", () => {
  fc.assert(
    fc.property(update, (sent) => {
      expect(updateFromWire(decode(encodeUpdate(sent)))).toEqual(sent);
    }),
  );
});

test("the bytes are those of the generated encoder", () => {
  fc.assert(
    fc.property(update, (sent) => {
      const bytes = encodeUpdate(sent);
      const head = { ...decode(bytes), upserts: [], removals: [] };
      const lists =
        sent.type === "endpoints"
          ? {
              upserts: sent.upserts.map(endpointToWire),
              removals: sent.removals.map(removalToWire),
            }
          : {};
      const value = { ...head, ...lists };
      const generated = WatchResponse.encode({ message: { $case: "update", value } }).finish();
      expect(bytes.equals(generated)).toBe(true);
    }),
  );
});

test("an endpoint is encoded once, however many updates carry it", () => {
  const [one] = fc.sample(endpoint, 1);
  if (one === undefined) throw new Error("expected a sample");
  expect(encodeEndpoint(one)).toBe(encodeEndpoint(one));
  expect(encodeEndpoint({ ...one })).not.toBe(encodeEndpoint(one));
  expect(encodeEndpoint({ ...one })).toEqual(encodeEndpoint(one));
});

test("a type or kind of a newer server is refused, a state of one is not picked", () => {
  const [sent] = fc.sample(endpointsUpdate, 1);
  if (sent === undefined) throw new Error("expected a sample");
  const message = decode(encodeUpdate(sent));
  const future = -1 as const;
  expect(() => updateFromWire({ ...message, kind: future })).toThrow(/kind -1 .* newer Weir/);
  expect(() => updateFromWire({ ...message, type: future })).toThrow(/type -1 .* newer Weir/);
  expect(() => updateFromWire({ ...message, version: 2n ** 60n })).toThrow(/version/);
  const [one] = fc.sample(endpoint, 1);
  if (one === undefined) throw new Error("expected a sample");
  expect(endpointFromWire({ ...endpointToWire(one), state: future }).state).toBe("unhealthy");
});

test("acknowledgements, in-flight reports and resume tokens survive the wire", () => {
  const ack = {
    nonce: { type: "endpoints", namespace: "n", service: "s", version: 7, chunk: 2 },
    rejected: [{ id: "a", reason: "no address" }],
    digestMismatch: true,
    held: false,
  } as const;
  expect(ackFromWire(ackToWire(ack))).toEqual(ack);
  expect(() => nonceFromWire(undefined)).toThrow(/without nonce/);
  const report = { namespace: "n", service: "s", instanceId: "i", registrationId: "r", count: 3 };
  expect(inFlightFromWire(inFlightToWire(report))).toEqual(report);
  const resume = {
    epoch: 1_700_000_000_000,
    version: 9,
    digest: { count: 2, sum: 2n ** 64n - 1n },
  };
  expect(resumeFromWire(resumeToWire(resume))).toEqual(resume);
  expect(resumeFromWire(undefined)).toBeUndefined();
});
