import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { aLeaseToken } from "../../../test/support/lease-token.ts";
import { RegisterRequest } from "../../gen/weir/v1/registry.ts";
import type { Instance as InstanceMessage } from "../../gen/weir/v1/types.ts";
import { defaultsFromWire, instanceFromWire } from "./instance.ts";
import { readRegistration } from "./registration-reader.ts";

const ORDINARY: InstanceMessage = {
  namespace: "shop",
  service: "orders",
  id: "orders-7d9f8b6c5d-x2x7k",
  address: { target: { $case: "ip", value: "10.0.0.7" } },
  ports: [
    { name: "http", port: 8080, protocol: 1 },
    { name: "grpc", port: 9090, protocol: 3 },
  ],
  weight: 0,
  priority: 3,
  locality: { region: "eu", zone: "a", subZone: "" },
  metadata: new Map([
    ["version", "2.14.0"],
    ["team", "payments"],
  ]),
  health: 2,
  registrationId: "4a1c-4f6e",
  generation: 70_000n,
  lease: { seconds: 30n, nanos: 500_000_000 },
};

function requestOf(change: Partial<InstanceMessage> = {}, rest: Partial<RegisterRequest> = {}) {
  const instance = { ...ORDINARY, ...change };
  return { instance, serviceDefaults: undefined, leaseToken: Buffer.alloc(0), ...rest };
}

function read(request: RegisterRequest) {
  const bytes = Buffer.from(RegisterRequest.encode(request).finish());
  // Inside something else, as in a batch.
  const around = Buffer.concat([Buffer.from("ab"), bytes, Buffer.from("cd")]);
  return readRegistration(around, 2, 2 + bytes.length);
}

/** What the generated decoder and the ordinary checks make of it; `undefined` when they refuse. */
function readTheLongWay(bytes: Uint8Array) {
  try {
    const { instance, serviceDefaults } = RegisterRequest.decode(bytes);
    const defaults = defaultsFromWire(serviceDefaults, "");
    return { instance: instanceFromWire(instance, ""), defaults };
  } catch {
    return undefined;
  }
}

describe("an ordinary registration", () => {
  test("reads as the long way reads it", () => {
    const request = requestOf({}, { serviceDefaults: { protocol: 3, policy: "peak_ewma" } });
    const expected = readTheLongWay(RegisterRequest.encode(request).finish());
    expect(expected?.instance).toMatchObject({ weight: 0, health: "unhealthy", leaseMs: 30_500 });
    expect(read(request)).toEqual(expected);
    expect(read(request)).toEqual(expected);
  });

  test("shares what it says as others do", () => {
    const one = read(requestOf())?.instance;
    const other = read(requestOf({ id: "another" }))?.instance;
    expect(one?.ports).toBe(other?.ports);
    expect(one?.locality).toBe(other?.locality);
    // Labels are kept from the second time on.
    expect(read(requestOf({ id: "a-third" }))?.instance.metadata).toBe(other?.metadata);
  });

  test("brings its age along, when the token is its own", () => {
    expect(
      read(requestOf({}, { leaseToken: aLeaseToken("4a1c-4f6e", 77) }))?.firstRegisteredHlc,
    ).toBe(77);
    const other = read(requestOf({}, { leaseToken: aLeaseToken("somebody", 77) }));
    expect(other).toEqual({ instance: expect.anything(), defaults: undefined });
  });
});

test.each<[string, Partial<InstanceMessage>, Partial<RegisterRequest>]>([
  ["no instance", {}, { instance: undefined }],
  ["a broken token", {}, { leaseToken: Buffer.from("x") }],
  ["a policy that is none", {}, { serviceDefaults: { protocol: 1, policy: "A b" } }],
  ["no service", { service: "" }, {}],
  ["a bad service", { service: "Orders" }, {}],
  ["an id that ends badly", { id: "a-" }, {}],
  ["an id that is too long", { id: "a".repeat(129) }, {}],
  ["a registration id that is too long", { registrationId: "a".repeat(65) }, {}],
  ["no address", { address: undefined }, {}],
  ["no ports", { ports: [] }, {}],
  ["two ports of one name", { ports: Array(2).fill({ name: "a", port: 1, protocol: 1 }) }, {}],
  ["a port that is none", { ports: [{ name: "a", port: 70_000, protocol: 1 }] }, {}],
  ["too heavy", { weight: 10_001 }, {}],
  ["too low a priority", { priority: 128 }, {}],
  ["a place that is none", { locality: { region: "ä", zone: "", subZone: "" } }, {}],
  ["a label's key that is none", { metadata: new Map([["a b", ""]]) }, {}],
  ["a label without a key", { metadata: new Map([["", "x"]]) }, {}],
  ["too long a label", { metadata: new Map([["a", "x".repeat(257)]]) }, {}],
  [
    "too many labels",
    { metadata: new Map(Array.from({ length: 33 }, (_, i) => [`${i}`, ""])) },
    {},
  ],
  ["too short a lease", { lease: { seconds: 2n, nanos: 0 } }, {}],
  ["a lease in negative parts of a second", { lease: { seconds: 30n, nanos: -5 } }, {}],
  ["a generation beyond counting", { generation: 2n ** 60n }, {}],
])("%s is left to the one that says what is wrong", (_, change, rest) => {
  expect(read(requestOf(change, rest))).toBeUndefined();
});

test.each([
  "0.0.0.0",
  "1.2.3",
  "1.2.3.4.5",
  "1.2.3.256",
  "01.2.3.4",
  "1..2.3",
  "1.2.3.",
  "::1",
  "a",
])("an address like %s is left to the long way", (value) => {
  expect(read(requestOf({ address: { target: { $case: "ip", value } } }))).toBeUndefined();
});

test("bytes that were cut, flipped or repeated never read as something else", () => {
  const defaults = { serviceDefaults: { protocol: 3 as const, policy: "random" } };
  const sound = RegisterRequest.encode(requestOf({}, defaults)).finish();
  const damage = fc.record({
    at: fc.nat(sound.length - 1),
    byte: fc.nat(255),
    cutTo: fc.integer({ min: 1, max: sound.length }),
    again: fc.boolean(),
  });
  fc.assert(
    fc.property(damage, ({ at, byte, cutTo, again }) => {
      const bytes = Buffer.from(sound.slice(0, cutTo));
      if (at < bytes.length) bytes[at] = byte;
      const all = again ? Buffer.concat([bytes, Buffer.from(sound)]) : bytes;
      const answer = readRegistration(all, 0, all.length);
      if (answer !== undefined) expect(answer).toEqual(readTheLongWay(all));
    }),
    { numRuns: 3_000 },
  );
});
