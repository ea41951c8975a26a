import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { aRecord, aRemoval, listOf } from "../../../test/support/replication.ts";
import { digestsEqual } from "../model/digest.ts";
import { isFencedBy, recordEntry } from "./entry.ts";
import { entryBytesAtMost } from "./entry-size.ts";
import { LOG_ENTRIES, OriginLog } from "./origin-log.ts";
import { BUCKET_COUNT, bucketOf, OriginSet } from "./origin-set.ts";

const ORIGIN = { replicaId: "a", epoch: 1 };

describe("a log", () => {
  test("tells of a key's last record once, and of every fence", () => {
    const log = new OriginLog(ORIGIN);
    log.append(aRecord("a", { weight: 1 }));
    log.append(aRecord("b"));
    log.append(aRecord("a", { weight: 2 }));
    log.append(aRemoval("b"));
    log.append(aRemoval("b", "r-older"));
    log.append(aRecord("b", { registrationId: "r-next" }));
    expect(log.pendingCount).toBe(4);
    expect(log.set.count).toBe(0);
    const [batch] = log.flush();
    expect(batch).toMatchObject({ prevSeq: 0, seq: 4, origin: ORIGIN });
    expect(batch?.entries.map(({ kind }) => kind)).toEqual([
      ...["record", "removal", "removal", "record"],
    ]);
    expect(log.set.get("default/orders/a")?.record.instance.weight).toBe(2);
    expect(log.set.get("default/orders/b")?.record.instance.registrationId).toBe("r-next");
    expect(log.flush()).toEqual([]);
  });

  test("a late goodbye of one process does not take out the next one that nobody was told of", () => {
    const log = new OriginLog(ORIGIN);
    log.append(aRecord("b", { registrationId: "r-next" }));
    log.append(aRemoval("b"));
    log.flush();
    expect(log.set.count).toBe(1);
  });

  test("cuts batches by count and by size, and lets one large entry go alone", () => {
    const size = entryBytesAtMost(aRecord("i0"));
    const log = new OriginLog(ORIGIN, { maxEntries: 3, maxBytes: size * 2 + 1 });
    for (let i = 0; i < 5; i++) log.append(aRecord(`i${i}`));
    expect(log.flush().map(({ prevSeq, seq }) => [prevSeq, seq])).toEqual([
      [0, 2],
      [2, 4],
      [4, 5],
    ]);
    const tiny = new OriginLog(ORIGIN, { maxEntries: 3, maxBytes: 1 });
    for (let i = 0; i < 2; i++) tiny.append(aRecord(`i${i}`));
    expect(tiny.flush()).toHaveLength(2);
    const few = new OriginLog(ORIGIN);
    few.limits = { maxEntries: 3, maxBytes: 100_000 };
    for (let i = 0; i < 4; i++) few.append(aRecord(`i${i}`));
    expect(few.flush().map(({ entries }) => entries.length)).toEqual([3, 1]);
  });

  test("remembers its last entries and no more", () => {
    const log = new OriginLog(ORIGIN);
    for (let i = 0; i < LOG_ENTRIES + 5; i++) log.append(aRecord(`i${i}`));
    log.flush();
    expect(log.seq).toBe(LOG_ENTRIES + 5);
    expect(log.since(log.seq)).toEqual([]);
    expect(log.since(4)).toBeUndefined();
    expect(log.since(log.seq + 1)).toBeUndefined();
    const all = log.since(5);
    expect(all).toHaveLength(LOG_ENTRIES);
    expect(all?.[0]).toMatchObject({ instanceId: "i5" });
    expect(all?.at(-1)).toMatchObject({ instanceId: `i${LOG_ENTRIES + 4}` });
  });
});

test("equal sets have equal digests and buckets, in whatever order they came to be", () => {
  const operation = fc.record({ id: fc.nat(30), weight: fc.nat(3), isRemoval: fc.boolean() });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 100 }), (operations) => {
      const set = new OriginSet();
      for (const { id, weight, isRemoval } of operations) {
        set.apply(isRemoval ? aRemoval(`i${id}`) : aRecord(`i${id}`, { weight }));
      }
      const anew = new OriginSet();
      for (const entry of [...set.entries()].toReversed()) anew.apply(entry);
      expect(listOf(anew)).toEqual(listOf(set));
      expect(digestsEqual(anew.root, set.root)).toBe(true);
      expect(anew.vector()).toEqual(set.vector());
      for (const { key } of [...set.entries()]) set.drop(key);
      expect(set.root).toEqual({ count: 0, sum: 0n });
    }),
  );
});

test("a bucket holds the keys of its number", () => {
  const set = new OriginSet();
  for (let i = 0; i < 500; i++) set.apply(aRecord(`i${i}`));
  set.apply({ kind: "unknown", bytes: new Uint8Array(3) });
  const found = Array.from({ length: BUCKET_COUNT }, (_, i) => [...set.entriesOf([i])]);
  expect(found.flat()).toHaveLength(500);
  for (const [i, list] of found.entries())
    for (const { key } of list) expect(bucketOf(key)).toBe(i);
  expect(set.drop("default/orders/nobody")).toBeUndefined();
});

test("every part of a record counts in its hash", () => {
  const { record } = aRecord("a");
  const hashes = [
    record,
    { ...record, adoption: 1 },
    { ...record, operatorRevision: 1 },
    { ...record, isDraining: true },
    { ...record, isSuspect: true },
    { ...record, firstRegisteredHlc: 2 ** 40 },
    { ...record, firstRegisteredHlc: 2 ** 41 },
    { ...record, defaults: { protocol: "grpc", policy: "" } },
    { ...record, defaults: { protocol: "grpc", policy: "random" } },
    ...[
      { generation: 2 },
      { health: "unhealthy" },
      { leaseMs: 3_000 },
      { namespace: "other" },
      { priority: 1 },
      { metadata: new Map([["a", "b"]]) },
      { metadata: new Map([["b", "a"]]) },
      { locality: { region: "eu", zone: "", subZone: "" } },
      { address: { kind: "hostname", value: "127.0.0.1" } },
      { ports: [] },
    ].map((part) => ({ ...record, instance: { ...record.instance, ...part } })),
  ].map((content) => {
    const { hashHigh, hashLow } = recordEntry(content as typeof record);
    return `${hashHigh} ${hashLow}`;
  });
  expect(new Set(hashes).size).toBe(hashes.length);
});

test("labels in another order are the same labels", () => {
  const { record } = aRecord("a");
  const labelled = (labels: [string, string][]) =>
    recordEntry({ ...record, instance: { ...record.instance, metadata: new Map(labels) } }).hashLow;
  expect(
    labelled([
      ["a", "1"],
      ["b", "2"],
    ]),
  ).toBe(
    labelled([
      ["b", "2"],
      ["a", "1"],
    ]),
  );
});

test("a fence ends its process, or that process's attachments up to one", () => {
  const { record } = aRecord("a", { generation: 3 });
  expect(isFencedBy(record, aRemoval("a").fence)).toBe(true);
  expect(isFencedBy(record, aRemoval("a", "r-other").fence)).toBe(false);
  expect(isFencedBy(record, aRemoval("a", "r-a", 3).fence)).toBe(true);
  expect(isFencedBy(record, aRemoval("a", "r-a", 2).fence)).toBe(false);
});
