import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratchFolder } from "../../../test/support/scratch-folder.ts";
import { NO_LOCALITY, NO_METADATA } from "../../core/model/instance.ts";
import type { InstanceId, RegistrationId } from "../../core/model/names.ts";
import { serviceKey } from "../../core/model/names.ts";
import type { Fence } from "../../core/registry/fences.ts";
import type {
  JournalEntry,
  RegistryStore,
  SnapshotHeader,
  SnapshotRecord,
} from "../../ports/registry-store.ts";
import { noRegistryStore } from "../no-registry-store.ts";
import { openRegistryStore } from "./registry-store.ts";

const FENCE: Fence = {
  serviceKey: serviceKey("default", "orders"),
  instanceId: "orders-1" as InstanceId,
  registrationId: "r-1" as RegistrationId,
  kind: "registration",
  generation: 3,
  hlc: 1_700_000_000_000 * 1024,
  reason: "deregistered",
};
const HEADER: SnapshotHeader = {
  epoch: 1_700_000_000_000,
  replicaId: "weir-0",
  hlc: 1_700_000_000_001 * 1024,
  savedAtWallMs: 1_700_000_000_002,
  fences: [FENCE],
};

function record(number: number): SnapshotRecord {
  const plain: SnapshotRecord = {
    instance: {
      namespace: "default",
      service: "orders",
      id: `orders-${number}` as InstanceId,
      address: { kind: "ip", value: "10.0.0.7" },
      ports: [{ name: "http", port: 8080, protocol: "http1" }],
      weight: 100,
      priority: 0,
      locality: NO_LOCALITY,
      metadata: NO_METADATA,
      health: "healthy",
      registrationId: `r-${number}` as RegistrationId,
      generation: 1,
      leaseMs: 15_000,
    },
    firstRegisteredHlc: HEADER.hlc,
    operatorRevision: 0,
    isDraining: false,
  };
  if (number % 10 === 0) return { ...plain, adoption: 2, isUnowned: true };
  if (number % 2 === 0) return plain;
  const metadata = new Map([["version", "v1"]]);
  const instance = { ...plain.instance, metadata, weight: 0 };
  const defaults = { protocol: "grpc", policy: "peak_ewma" } as const;
  return { ...plain, instance, defaults, operatorRevision: 7, isDraining: true };
}

function entry(number: number): JournalEntry {
  const registrationId = `r-${number}` as RegistrationId;
  if (number % 2 === 0) return { kind: "deregister", fence: { ...FENCE, registrationId } };
  const { serviceKey: key, instanceId } = FENCE;
  return { kind: "drain", serviceKey: key, instanceId, registrationId, operatorRevision: number };
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

async function reopen(store: RegistryStore, folder: string): Promise<RegistryStore> {
  await store.close();
  return openRegistryStore(folder);
}

test("records, header and fences come back as they were", async () => {
  const folder = scratchFolder();
  let store = openRegistryStore(folder);
  expect(store.load()).toEqual({ header: undefined, records: [], journal: [], problems: [] });
  const records = numbers(1_203).map(record);
  await store.writeSnapshot(records, HEADER);
  store = await reopen(store, folder);
  expect(store.load()).toEqual({ header: HEADER, records, journal: [], problems: [] });
  await store.close();
});

test("a snapshot drops the journal before it and keeps what was appended since it began", async () => {
  const folder = scratchFolder();
  let store = openRegistryStore(folder);
  await store.appendJournal(entry(1));
  function* slowly(): Generator<SnapshotRecord> {
    yield record(1);
    late = store.appendJournal(entry(2));
    yield record(2);
  }
  let late: Promise<void> | undefined;
  await store.writeSnapshot(slowly(), HEADER);
  await late;
  await store.appendJournal(entry(3));
  store = await reopen(store, folder);
  const loaded = store.load();
  expect(loaded.journal).toEqual([entry(2), entry(3)]);
  expect(loaded.records).toHaveLength(2);
  await store.close();
});

test("entries of several starts come back in order, those appended together too", async () => {
  const folder = scratchFolder();
  let store = openRegistryStore(folder);
  await Promise.all(numbers(500).map((number) => store.appendJournal(entry(number))));
  store = await reopen(store, folder);
  await store.appendJournal(entry(500));
  store = await reopen(store, folder);
  expect(store.load().journal).toEqual(numbers(501).map(entry));
  await store.close();
});

test("a torn last line is dropped without a word, a damaged one costs itself only", async () => {
  const folder = scratchFolder();
  let store = openRegistryStore(folder);
  for (const number of numbers(3)) await store.appendJournal(entry(number));
  await store.close();
  const path = join(folder, "journal-00000001.log");
  appendFileSync(path, '0000abcd {"kind":"evict","fen');
  store = openRegistryStore(folder);
  expect(store.load()).toMatchObject({ journal: numbers(3).map(entry), problems: [] });
  await store.appendJournal(entry(3));
  await store.close();

  writeFileSync(path, readFileSync(path, "utf8").replace('"r-1"', '"r-7"'));
  store = openRegistryStore(folder);
  const { journal, problems } = store.load();
  expect(journal).toEqual([entry(0), entry(2), entry(3)]);
  expect(problems).toEqual([`${path}: 1 of 3 entries are damaged and were skipped`]);
  await store.close();
});

test.each([
  { what: "a truncated", damage: (bytes: Buffer) => bytes.subarray(0, bytes.length / 2) },
  { what: "a foreign", damage: () => Buffer.from("hello\n") },
])("$what snapshot is set aside and reported, the journal is used", async ({ damage }) => {
  const folder = scratchFolder();
  let store = openRegistryStore(folder);
  await store.writeSnapshot([record(1)], HEADER);
  await store.appendJournal(entry(1));
  await store.close();
  const path = join(folder, "snapshot");
  writeFileSync(path, damage(readFileSync(path)));
  store = openRegistryStore(folder);
  const loaded = store.load();
  expect(loaded).toMatchObject({ header: undefined, records: [], journal: [entry(1)] });
  expect(loaded.problems).toHaveLength(1);
  expect(loaded.problems[0]).toContain(`it was set aside as ${path}.corrupt-1`);
  expect(readdirSync(folder)).toContain("snapshot.corrupt-1");
  await store.close();
});

test("a journal of another version is set aside, not deleted by the next snapshot", async () => {
  const folder = scratchFolder();
  writeFileSync(join(folder, "journal-00000004.log"), "weir-journal 9\nwhatever\n");
  const store = openRegistryStore(folder);
  expect(store.load().problems[0]).toMatch(/no journal of this version; it was set aside/);
  await store.writeSnapshot([], HEADER);
  expect(readdirSync(folder)).toContain("journal-00000004.log.corrupt-1");
  await store.close();
});

test("a full disk fails the entry that it hits; the next that fits is kept", async () => {
  const folder = scratchFolder();
  const full = join(folder, "journal-00000001.log");
  let store = openRegistryStore(folder);
  symlinkSync("/dev/full", full);
  await expect(store.appendJournal(entry(1))).rejects.toMatchObject({
    code: "STORAGE_FAILED",
    message: `cannot write ${full}: the disk is full; free some space`,
  });
  await store.appendJournal(entry(2));
  unlinkSync(full);
  store = await reopen(store, folder);
  expect(store.load().journal).toEqual([entry(2)]);
  await store.close();
});

test("a failed snapshot leaves the old one and the journal", async () => {
  const folder = scratchFolder();
  let store = openRegistryStore(folder);
  await store.writeSnapshot([record(1)], HEADER);
  await store.appendJournal(entry(1));
  mkdirSync(join(folder, "snapshot.tmp"));
  const failed = store.writeSnapshot([record(2)], HEADER);
  await expect(failed).rejects.toMatchObject({ code: "STORAGE_FAILED" });
  store = await reopen(store, folder);
  expect(store.load()).toMatchObject({ records: [record(1)], journal: [entry(1)] });
  await store.close();
});

test("two servers on one state directory are refused, and a directory that is a file is named", async () => {
  const folder = scratchFolder();
  const store = openRegistryStore(folder);
  expect(() => openRegistryStore(folder)).toThrow(/is in use by process/);
  await store.close();
  writeFileSync(join(folder, "file"), "");
  expect(() => openRegistryStore(join(folder, "file", "state"))).toThrow(
    /cannot create .*file\/state: a part of the path is a file/,
  );
});

test("a closed store refuses entries", async () => {
  const store = openRegistryStore(scratchFolder());
  await store.close();
  await expect(store.appendJournal(entry(1))).rejects.toMatchObject({ code: "STORAGE_FAILED" });
});

test("a server without a state directory keeps nothing", async () => {
  await noRegistryStore.appendJournal(entry(1));
  await noRegistryStore.writeSnapshot([record(1)], HEADER);
  expect(noRegistryStore.load().records).toEqual([]);
});
