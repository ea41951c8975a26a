import type { ReceivedEntry, RecordEntry } from "./entry.ts";

/** Tags, lengths and numbers of a record without its texts. */
const RECORD_BYTES = 160;
const REMOVAL_BYTES = 96;
/** Tags, lengths and number of one port; tags and lengths of one label. */
const PORT_BYTES = 16;
const LABEL_BYTES = 12;

/** The longest that UTF-8 makes of one unit of text. */
const BYTES_PER_UNIT = 3;

/**
 * More than a batch or chunk takes besides its entries, each of which costs 5 bytes beyond its bound: 64 replicas
 * with the longest names in what a chunk is known to imply.
 */
export const MESSAGE_OVERHEAD_BYTES = 12_288;

/**
 * What an entry takes on the wire, at most: cheap, because batches and chunks are cut by it without
 * encoding anything twice.
 */
export function entryBytesAtMost(entry: ReceivedEntry): number {
  if (entry.kind === "unknown") return entry.bytes.length + 8;
  if (entry.kind === "record") return recordBytes(entry);
  const { registrationId } = entry.fence;
  return REMOVAL_BYTES + (entry.key.length + registrationId.length) * BYTES_PER_UNIT;
}

function recordBytes({ key, record }: RecordEntry): number {
  const { address, locality, metadata, ports, registrationId } = record.instance;
  let units = key.length + registrationId.length + address.value.length;
  units += locality.region.length + locality.zone.length + locality.subZone.length;
  units += record.defaults?.policy.length ?? 0;
  for (const { name } of ports) units += name.length;
  for (const [label, value] of metadata) units += label.length + value.length;
  const fixed = RECORD_BYTES + ports.length * PORT_BYTES + metadata.size * LABEL_BYTES;
  return fixed + units * BYTES_PER_UNIT;
}
