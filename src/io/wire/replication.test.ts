import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { aLease, anInstance } from "../../../test/support/builders.ts";
import { aHeartbeat, aRecord, aRemoval } from "../../../test/support/replication.ts";
import type { PendingAgent, PendingKind } from "../../core/discovery/drain-barrier.ts";
import { MAX_POSITIONS } from "../../core/discovery/seen-positions.ts";
import type { InstanceId, RegistrationId, ServiceKey } from "../../core/model/names.ts";
import type { Answer, Ask } from "../../core/replication/calls.ts";
import {
  type ReceivedEntry,
  type RemovalEntry,
  recordEntry,
  removalEntry,
} from "../../core/replication/entry.ts";
import { entryBytesAtMost, MESSAGE_OVERHEAD_BYTES } from "../../core/replication/entry-size.ts";
import type { DeltaBatch, ReplicationMessage } from "../../core/replication/messages.ts";
import { OriginLog } from "../../core/replication/origin-log.ts";
import { PullServer } from "../../core/replication/pull-server.ts";
import { Entry, Envelope } from "../../gen/weir/replication/v1/replication.ts";
import { encodeEntry } from "./replicated-entry.ts";
import { decodeReplication, ReplicationWire } from "./replication.ts";

const ORIGIN = { replicaId: "a", epoch: 1_700_000_000_000 };
const wire = new ReplicationWire("prod");

const KINDS: readonly PendingKind[] = [
  "not-acknowledged",
  "in-flight",
  "disconnected",
  "not-settled",
  "last-endpoint",
  "replica-unreachable",
];

/** What operators decided of a process whose lease ran out. */
function aDrainedEnd(): RemovalEntry {
  const { fence } = aRemoval("d", "r-d", 4);
  return removalEntry({ ...fence, adoption: 3, operator: { revision: 9, isDraining: true } });
}

/** Everything that a record can say, in the largest numbers and odd texts. */
const rich = recordEntry({
  instance: anInstance({
    id: "a",
    generation: 7,
    priority: 3,
    address: { kind: "hostname", value: "orders.example" },
    ports: [{ name: "grpc", port: 65_535, protocol: "grpc" }],
    locality: { region: "eu", zone: "a", subZone: "r1" },
    metadata: new Map([["größe", "ß€😀"]]),
    health: "unhealthy",
    leaseMs: 3_500,
  }),
  defaults: { protocol: "grpc", policy: "peak_ewma" },
  firstRegisteredHlc: 2 ** 52 + 1,
  operatorRevision: 5,
  isDraining: true,
  isSuspect: true,
  adoption: 2,
});

function aBatch(entries: readonly ReceivedEntry[]): DeltaBatch {
  const known = [{ replicaId: "c", epoch: 5, sequence: 23 }];
  return { type: "delta", origin: ORIGIN, prevSeq: 4, seq: 4 + entries.length, entries, known };
}

function aChunk(): ReplicationMessage {
  const log = new OriginLog(ORIGIN);
  log.append(rich);
  log.flush();
  const want = { kind: "full" } as const;
  const request = { type: "pull-request", origin: ORIGIN, requester: "b", session: 1 } as const;
  const chunk = new PullServer().answer({ ...request, want, chunk: 0 }, log, 0);
  return { ...chunk, known: [{ replicaId: "c", epoch: 5, sequence: 23 }] };
}

const request = {
  type: "pull-request",
  origin: ORIGIN,
  requester: "b",
  session: 9,
  chunk: 2,
} as const;
const messages: [string, ReplicationMessage][] = [
  ["a batch", aBatch([rich, aRecord("b"), aRemoval("c"), aRemoval("c", "r-c", 0), aDrainedEnd()])],
  [
    "a heartbeat",
    aHeartbeat(new OriginLog(ORIGIN), {
      applied: [{ replicaId: "b", epoch: 3, seq: 17, heardEpoch: 4, silentMs: 250 }],
      flags: { isLeaving: true, isIsolated: true, isSettled: true },
    }),
  ],
  ["a pull of a tail", { ...request, want: { kind: "from-seq", seq: 0 } }],
  ["a pull of sums", { ...request, want: { kind: "vector" } }],
  ["a pull of buckets", { ...request, want: { kind: "buckets", buckets: [0, 255] } }],
  ["a pull of all", { ...request, want: { kind: "full" } }],
  ["a chunk", aChunk()],
  [
    "a chunk with sums",
    { ...aChunk(), vector: new BigUint64Array(256).fill(2n ** 64n - 1n) } as ReplicationMessage,
  ],
  ...(["too-old", "other-epoch", "unknown-session"] as const).map(
    (status): [string, ReplicationMessage] => [
      status,
      { ...aChunk(), status } as ReplicationMessage,
    ],
  ),
  ["a goodbye", { type: "control", origin: ORIGIN, kind: "leave" }],
  ...calls(),
];

function calls(): [string, ReplicationMessage][] {
  const lease = aLease("a", "r-a");
  const question = { ...lease, registrationId: "r-a" as RegistrationId, operatorRevision: 3 };
  const asks: Ask[] = [
    { kind: "renew", leases: [lease, aLease("b")] },
    { kind: "set-draining", lease, isDraining: true },
    { kind: "set-draining", lease, isDraining: false },
    { kind: "pending", question: { ...question, lostAgentIds: ["x", "y"] } },
  ];
  const pending: PendingAgent[] = KINDS.map((kind) => ({ agentId: "x", kind, detail: "why" }));
  const answers: Answer[] = [
    { kind: "renew", outcomes: ["done", "not-found", "superseded", "not-owner"] },
    { kind: "set-draining", outcome: "done", operatorRevision: 2 ** 52 },
    { kind: "pending", pending, moreCount: 7, agentCount: 9, backAgentIds: ["y"] },
    { kind: "failure", message: "the disk is full" },
  ];
  return [
    ...asks.map((ask): [string, ReplicationMessage] => [
      `a call: ${ask.kind}`,
      { type: "call", origin: ORIGIN, ask },
    ]),
    ...answers.map((answer): [string, ReplicationMessage] => [
      `an answer: ${answer.kind}`,
      { type: "call-reply", origin: ORIGIN, answer },
    ]),
  ];
}

describe("what replicas say", () => {
  test.each(messages)("%s arrives as it was sent", (_, message) => {
    expect(wire.decode(wire.encode(message))).toEqual(message);
  });

  test("an entry of a kind that comes later is kept as it is", () => {
    const bytes = Uint8Array.from([0x9a, 0x06, 0x02, 0x08, 0x01]);
    const batch = aBatch([{ kind: "unknown", bytes }, aRecord("b")]);
    const arrived = wire.decode(wire.encode(batch));
    expect(arrived).toEqual(batch);
    expect(wire.decode(wire.encode(arrived ?? batch))).toEqual(batch);
  });
});

describe("what is refused", () => {
  const good = Envelope.decode(wire.encode(aBatch([aRecord("a")])));
  const spoiled = (part: Partial<Envelope>) => Envelope.encode({ ...good, ...part }).finish();
  const delta = (entries: Buffer[], seq = 4n + BigInt(entries.length), epoch = 1n) =>
    spoiled({
      message: {
        $case: "delta",
        value: { origin: { replicaId: "a", epoch }, prevSeq: 4n, seq, entries, known: [] },
      },
    });
  const record = Entry.decode(encodeEntry(aRecord("a")));
  const entryWith = (part: object) => {
    const value = record.kind?.$case === "record" ? { ...record.kind.value, ...part } : undefined;
    if (value === undefined) throw new Error("no record");
    return Buffer.from(Entry.encode({ kind: { $case: "record", value } }).finish());
  };

  test.each<[string, string, Uint8Array]>([
    ["other-cluster", "another cluster", spoiled({ cluster: "test" })],
    ["newer", "a newer version", spoiled({ protocolVersion: 2 })],
    ["newer", "an unknown kind", spoiled({ message: undefined })],
    ["other-cluster", "nothing", new Uint8Array()],
    ["garbage", "no protobuf", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["garbage", "a miscounted batch", delta([], 9n)],
    ["garbage", "an epoch that is no number", delta([], 4n, 2n ** 60n)],
    ["garbage", "a broken entry", delta([Buffer.from([0x0a, 0xff])])],
    ["garbage", "a record of nothing", delta([entryWith({ instance: undefined })])],
    ["garbage", "a time that is no number", delta([entryWith({ firstRegisteredHlc: 2n ** 63n })])],
  ])("%s: %s", (kind, _, bytes) => {
    expect(decodeReplication("prod", bytes)).toMatchObject({ isGood: false, problem: { kind } });
  });

  test.each(["", "a b", "*", ">", "__proto__/", "x".repeat(200)])("the name %j", (id) => {
    const told: string[] = [];
    const telling = new ReplicationWire("prod", ({ kind }) => told.push(kind));
    const entry = aRecord("a");
    const instance = { ...entry.record.instance, service: id };
    const batch = aBatch([{ ...entry, record: { ...entry.record, instance } }]);
    expect(telling.decode(telling.encode(batch))).toBeUndefined();
    expect(told).toEqual(["garbage"]);
  });

  test("a call about nothing, and a drain without a registration", () => {
    const nobody = { service: "default/Ö" as ServiceKey, instanceId: "a" as InstanceId };
    const registrationId = "" as RegistrationId;
    const question = { ...aLease("a"), registrationId, operatorRevision: 1, lostAgentIds: [] };
    const bad: Ask[] = [
      { kind: "renew", leases: [{ ...nobody, registrationId }] },
      { kind: "pending", question },
    ];
    for (const ask of bad) {
      const message = { type: "call", origin: ORIGIN, ask } as const;
      expect(wire.decode(wire.encode(message))).toBeUndefined();
    }
  });

  test("a bucket that does not exist, and an origin without a name", () => {
    const bad: ReplicationMessage[] = [
      { ...request, want: { kind: "buckets", buckets: [256] } },
      { ...request, origin: { replicaId: "", epoch: 1 }, want: { kind: "full" } },
      { ...aChunk(), vector: new BigUint64Array(3) } as ReplicationMessage,
    ];
    for (const message of bad) expect(wire.decode(wire.encode(message))).toBeUndefined();
  });
});

test("no bytes make it throw, neither random ones nor damaged messages", () => {
  const samples = messages.map(([, message]) => wire.encode(message));
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.nat(),
      fc.nat(),
      fc.nat(),
      (noise, a, b, c) => {
        decodeReplication("prod", noise);
        const damaged = Uint8Array.from(samples[a % samples.length] ?? noise);
        damaged[b % damaged.length] = c % 256;
        decodeReplication("prod", damaged);
        const decoded = decodeReplication("prod", damaged.subarray(0, c % damaged.length));
        expect(decoded.isGood || decoded.problem.message.length > 0).toBe(true);
      },
    ),
    { numRuns: 2_000 },
  );
});

test("no message is larger than its entries' bounds and the overhead say", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 40 });
  const entry = fc
    .record({
      key: text,
      value: text,
      ports: fc.nat(16),
      hlc: fc.maxSafeNat(),
      isRemoval: fc.boolean(),
    })
    .map(({ key, value, ports, hlc, isRemoval }) => {
      if (isRemoval) {
        const { fence } = aRemoval("some-id", "some-registration", hlc);
        return removalEntry({ ...fence, operator: { revision: hlc, isDraining: true } });
      }
      return recordEntry({
        ...rich.record,
        firstRegisteredHlc: hlc,
        operatorRevision: hlc,
        adoption: hlc,
        instance: anInstance({
          generation: hlc,
          leaseMs: 299_999.999_9,
          locality: { region: value, zone: value, subZone: value },
          metadata: new Map([[key, value]]),
          ports: Array.from({ length: ports }, () => ({
            name: value,
            port: 65_535,
            protocol: "grpc" as const,
          })),
        }),
      });
    });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
      const bound = entries.reduce((sum, each) => sum + entryBytesAtMost(each), 0);
      expect(wire.encode(aBatch(entries)).length).toBeLessThanOrEqual(bound + 512);
    }),
  );
});

test("what a chunk takes besides its entries is bounded", () => {
  const position = { replicaId: "r".repeat(128), epoch: 2 ** 52, sequence: 2 ** 52 };
  const known = Array.from({ length: MAX_POSITIONS }, () => position);
  const chunk = { ...aChunk(), entries: [], known } as ReplicationMessage;
  expect(wire.encode(chunk).length).toBeLessThanOrEqual(MESSAGE_OVERHEAD_BYTES);
});
