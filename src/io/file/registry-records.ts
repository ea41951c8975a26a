import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { Fence } from "../../core/registry/fences.ts";
import type { SnapshotHeader, SnapshotRecord } from "../../ports/registry-store.ts";
import {
  decodeDefaults,
  decodeInstance,
  encodeDefaults,
  encodeInstance,
} from "../wire/instance.ts";

/**
 * The body of a registry snapshot: entries, each a length and that many bytes, of which the
 * first says what follows.
 *
 *     'h' header as JSON, without fences; always the first entry
 *     'f' one fence as JSON
 *     'r' hlc, operator revision, draining as varints; then, each with its length, the
 *         protobufs weir.v1.ServiceDefaults (empty when there are none) and weir.v1.Instance; then,
 *         if it was taken over from another replica, how often, and whether nobody had claimed it
 *     'e' how many entries came before it, as JSON; always the last entry
 */
const HEADER = 0x68;
const FENCE = 0x66;
const RECORD = 0x72;
const END = 0x65;

/** 1 to 3 ms of work: then others get a turn while the slice is written. */
const ENTRIES_PER_SLICE = 250;

/** The snapshot's body, slice by slice; `records` is read only as far as slices are asked for. */
export function* encodeSnapshot(
  records: Iterable<SnapshotRecord>,
  { fences, ...header }: SnapshotHeader,
): Generator<Uint8Array> {
  const slice = new BinaryWriter();
  writeJson(slice, HEADER, header);
  let count = 1;
  for (const fence of fences) {
    writeJson(slice, FENCE, fence);
    if (++count % ENTRIES_PER_SLICE === 0) yield slice.finish();
  }
  for (const record of records) {
    slice.bytes(encodeRecord(record));
    if (++count % ENTRIES_PER_SLICE === 0) yield slice.finish();
  }
  writeJson(slice, END, count);
  yield slice.finish();
}

function writeJson(slice: BinaryWriter, kind: number, value: unknown): void {
  const json = Buffer.from(JSON.stringify(value));
  slice
    .uint32(json.length + 1)
    .raw(Uint8Array.of(kind))
    .raw(json);
}

function encodeRecord(record: SnapshotRecord): Uint8Array {
  const { instance, defaults, firstRegisteredHlc, operatorRevision, isDraining } = record;
  const { adoption = 0, isUnowned = false } = record;
  const writer = new BinaryWriter()
    .raw(Uint8Array.of(RECORD))
    .uint64(firstRegisteredHlc)
    .uint64(operatorRevision)
    .bool(isDraining)
    .bytes(encodeDefaults(defaults))
    .bytes(encodeInstance(instance));
  if (adoption > 0) writer.uint64(adoption).bool(isUnowned);
  return writer.finish();
}

export interface DecodedSnapshot {
  readonly header: SnapshotHeader;
  readonly records: SnapshotRecord[];
}

/** @throws an error that says what is wrong with the body. */
export function decodeSnapshot(body: Uint8Array): DecodedSnapshot {
  const reader = new BinaryReader(body);
  const records: SnapshotRecord[] = [];
  const fences: Fence[] = [];
  let head: Omit<SnapshotHeader, "fences"> | undefined;
  for (let count = 0; reader.pos < reader.len; count++) {
    const entry = reader.bytes();
    if (entry[0] === RECORD) records.push(decodeRecord(entry));
    else if (entry[0] === FENCE) fences.push(readJson(entry) as Fence);
    else if (entry[0] === HEADER) head = readJson(entry) as Omit<SnapshotHeader, "fences">;
    else if (entry[0] === END && head !== undefined && readJson(entry) === count) {
      return { header: { ...head, fences }, records };
    } else throw new Error(`entry ${count} is of an unknown kind`);
  }
  throw new Error("it has no end");
}

function readJson(entry: Uint8Array): unknown {
  return JSON.parse(Buffer.from(entry.subarray(1)).toString("utf8"));
}

function decodeRecord(entry: Uint8Array): SnapshotRecord {
  const reader = new BinaryReader(entry.subarray(1));
  const firstRegisteredHlc = Number(reader.uint64());
  const operatorRevision = Number(reader.uint64());
  const isDraining = reader.bool();
  const defaults = decodeDefaults(reader.bytes());
  const instance = decodeInstance(reader.bytes());
  const record = { instance, firstRegisteredHlc, operatorRevision, isDraining };
  const adoption = reader.pos < reader.len ? Number(reader.uint64()) : 0;
  const isUnowned = reader.pos < reader.len && reader.bool();
  return {
    ...record,
    ...(defaults !== undefined && { defaults }),
    ...(adoption > 0 && { adoption }),
    ...(isUnowned && { isUnowned }),
  };
}
