import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { Endpoint } from "../../core/model/endpoint.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import { serviceKey } from "../../core/model/names.ts";
import type { Clock } from "../../ports/clock.ts";
import type {
  Knowledge,
  LastKnownGood,
  SavedKnowledge,
  SavedService,
} from "../../ports/last-known-good.ts";
import type { Log } from "../../ports/log.ts";
import { decodeService, encodeService } from "../wire/saved-service.ts";
import { type FileFormat, readChecksummed, setAside, writeChecksummed } from "./checksummed.ts";
import { storageFailed } from "./storage-error.ts";

/** Yesterday's endpoints belong to other processes by now; sending to them does harm. */
export const MAX_AGE_MS = 24 * 3_600_000;

/** A few milliseconds of work: then requests get a turn while the slice is written. */
const ENDPOINTS_PER_SLICE = 500;

const FORMAT: FileFormat = { magic: "weir-last-known-good", version: 2 };

const FILE_NAME = "last-known-good";

/**
 * The file of a state directory, which is made when it is not there.
 * @param option how the user names another directory.
 * @throws MeshError STORAGE_FAILED when it cannot be made.
 */
export function lastKnownGoodIn(
  stateDir: string,
  option: string,
  clock: Clock,
  log: Log,
): LastKnownGood {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    const message = `cannot create the state directory ${stateDir}: ${String(error)}; name another one with ${option}`;
    throw new MeshError("STORAGE_FAILED", message, { cause: error });
  }
  return lastKnownGoodFile(join(stateDir, FILE_NAME), clock, (problem) =>
    log.warn({ problem }, "the last-known-good file was not used"),
  );
}

/**
 * An agent's endpoints in one file. Its body is the time of saving; how many positions follow, and of each the
 * replica, the epoch and the sequence; then a list of weir.v1.ResolveResponse, each with its length. Numbers are
 * varints, names have their length. A large service is cut into several that follow each other.
 * @param problem is told why a file that exists was not used.
 */
export function lastKnownGoodFile(
  path: string,
  clock: Clock,
  problem: (reason: string) => void,
): LastKnownGood {
  /** Saves one after the other; never rejects. */
  let writing: Promise<void> = Promise.resolve();
  return {
    load: () => load(path, clock.wallMs(), problem),
    save(known) {
      const written = writing.then(() => save(path, known, clock.wallMs()));
      writing = written.catch(() => undefined);
      return written;
    },
  };
}

async function save(path: string, known: Knowledge, wallMs: number): Promise<void> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw storageFailed("create", dirname(path), error);
  }
  await writeChecksummed(path, FORMAT, encode(known, wallMs));
}

function* encode({ services, positions }: Knowledge, wallMs: number): Generator<Uint8Array> {
  const slice = new BinaryWriter().uint64(Math.round(wallMs)).uint64(positions.length);
  for (const { replicaId, epoch, sequence } of positions) {
    slice.string(replicaId).uint64(epoch).uint64(sequence);
  }
  let count = 0;
  for (const service of services) {
    let start = 0;
    do {
      const part = service.endpoints.slice(start, start + ENDPOINTS_PER_SLICE);
      slice.bytes(encodeService({ ...service, endpoints: part }));
      start += ENDPOINTS_PER_SLICE;
      count += part.length + 1;
      if (count >= ENDPOINTS_PER_SLICE) {
        yield slice.finish();
        count = 0;
      }
    } while (start < service.endpoints.length);
  }
  yield slice.finish();
}

function load(
  path: string,
  wallMs: number,
  problem: (reason: string) => void,
): SavedKnowledge | undefined {
  const file = readChecksummed(path, FORMAT);
  if (file.kind === "missing") return undefined;
  const saved = file.kind === "ok" ? decode(file.body) : file.reason;
  if (typeof saved === "string") {
    problem(`${path} cannot be used: ${saved}; it was set aside as ${setAside(path)}`);
    return undefined;
  }
  const ageMs = wallMs - saved.savedAtWallMs;
  if (ageMs <= MAX_AGE_MS) return saved;
  const hours = Math.floor(ageMs / 3_600_000);
  problem(`${path} is ${hours} hours old, more than ${MAX_AGE_MS / 3_600_000}; it was not used`);
  return undefined;
}

/** @returns what is wrong with the body when it cannot be read. */
function decode(body: Uint8Array): SavedKnowledge | string {
  try {
    const reader = new BinaryReader(body);
    const savedAtWallMs = Number(reader.uint64());
    const positions = Array.from({ length: Number(reader.uint64()) }, () => ({
      replicaId: reader.string(),
      epoch: Number(reader.uint64()),
      sequence: Number(reader.uint64()),
    }));
    const services = new Map<string, SavedService & { endpoints: Endpoint[] }>();
    while (reader.pos < reader.len) {
      const part = decodeService(reader.bytes());
      const key = serviceKey(part.namespace, part.service);
      const known = services.get(key);
      if (known === undefined) services.set(key, { ...part, endpoints: [...part.endpoints] });
      else known.endpoints.push(...part.endpoints);
    }
    return { services: [...services.values()], positions, savedAtWallMs };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
