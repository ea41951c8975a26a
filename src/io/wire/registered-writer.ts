import { renewIntervalMs } from "../../core/registry/lease.ts";
import type { InstanceRecord } from "../../core/registry/record.ts";
import { RegisterResponse, RegisterResult, RegisterResults } from "../../gen/weir/v1/registry.ts";
import { msToDuration } from "./duration.ts";
import { LEASE_TOKEN_HEAD_BYTES, writeLeaseTokenHead } from "./lease-token.ts";

/**
 * The answers to registrations, written straight from the records: an answer is made of what the
 * registry keeps, so there is no message between. `registered-writer.test.ts` reads them back
 * with the generated decoder.
 */

/** Tags of RegisterResponse's fields. */
const REGISTRATION_ID = 0x0a;
const GENERATION = 0x10;
const LEASE_TOKEN = 0x1a;

/** Tags of AttachResponse.registered, RegisterResults and RegisterResult. */
const REGISTERED = 0x12;
const RESULT = 0x12;
const ACCEPTED = 0x0a;

/** A registration that was refused, as its message. */
export type Refused = Omit<RegisterResult, "accepted">;

/** The bytes of a RegisterResponse. */
export function encodeRegistered(record: InstanceRecord): Buffer {
  const bytes = Buffer.allocUnsafe(responseSize(record));
  writeResponse(bytes, 0, record);
  return bytes;
}

/** The field of a RegisterResults that echoes the request. */
export function encodeRequestId(requestId: bigint): Uint8Array {
  return RegisterResults.encode({ requestId, results: [] }).finish();
}

/**
 * The bytes of an AttachResponse with the results of one batch.
 *
 * @param requestId the field that echoes the request, as bytes.
 */
export function encodeResults(
  requestId: Uint8Array,
  results: readonly (InstanceRecord | Refused)[],
): Buffer {
  const refused = results.map((result) =>
    "code" in result ? RegisterResult.encode({ accepted: undefined, ...result }).finish() : NONE,
  );
  let size = requestId.length;
  for (const [i, result] of results.entries()) {
    size += lengthPrefixed("code" in result ? (refused[i]?.length ?? 0) : acceptedSize(result));
  }
  const bytes = Buffer.allocUnsafe(lengthPrefixed(size));
  let at = writeHead(bytes, 0, REGISTERED, size);
  bytes.set(requestId, at);
  at += requestId.length;
  for (const [i, result] of results.entries()) {
    if ("code" in result) {
      const message = refused[i] ?? NONE;
      at = writeHead(bytes, at, RESULT, message.length);
      bytes.set(message, at);
      at += message.length;
    } else {
      const inner = responseSize(result);
      at = writeHead(bytes, at, RESULT, lengthPrefixed(inner));
      at = writeHead(bytes, at, ACCEPTED, inner);
      at = writeResponse(bytes, at, result);
    }
  }
  return bytes;
}

const NONE = new Uint8Array();

function acceptedSize(record: InstanceRecord): number {
  return lengthPrefixed(responseSize(record));
}

function responseSize({ instance }: InstanceRecord): number {
  const idLength = instance.registrationId.length;
  return (
    lengthPrefixed(idLength) +
    (instance.generation === 0 ? 0 : 1 + varintSize(instance.generation)) +
    lengthPrefixed(LEASE_TOKEN_HEAD_BYTES + idLength) +
    leasePart(instance.leaseMs).length
  );
}

/** @returns where it ends. */
function writeResponse(bytes: Buffer, start: number, record: InstanceRecord): number {
  const { registrationId, generation, leaseMs } = record.instance;
  let at = writeHead(bytes, start, REGISTRATION_ID, registrationId.length);
  at = writeAscii(bytes, at, registrationId);
  if (generation !== 0) at = writeHead(bytes, at, GENERATION, generation);
  at = writeHead(bytes, at, LEASE_TOKEN, LEASE_TOKEN_HEAD_BYTES + registrationId.length);
  at = writeLeaseTokenHead(bytes, at, record.firstRegisteredHlc);
  at = writeAscii(bytes, at, registrationId);
  const lease = leasePart(leaseMs);
  bytes.set(lease, at);
  return at + lease.length;
}

/** The bytes of the two durations, which follow from the lease alone: almost all are equal. */
let lastLease = { leaseMs: -1, bytes: NONE };

function leasePart(leaseMs: number): Uint8Array {
  if (lastLease.leaseMs === leaseMs) return lastLease.bytes;
  const bytes = RegisterResponse.encode({
    registrationId: "",
    generation: 0n,
    leaseToken: Buffer.alloc(0),
    lease: msToDuration(leaseMs),
    renewInterval: msToDuration(renewIntervalMs(leaseMs)),
  }).finish();
  lastLease = { leaseMs, bytes };
  return bytes;
}

/** Size of a field with a length: tag, length, content. */
function lengthPrefixed(size: number): number {
  return 1 + varintSize(size) + size;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** A tag and a number after it. @returns where it ends. */
function writeHead(bytes: Buffer, start: number, tag: number, value: number): number {
  let at = start;
  bytes[at++] = tag;
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 0x80;
  bytes[at++] = rest;
  return at;
}

/** Ids are ASCII, and too short for a call out of JavaScript to pay. */
function writeAscii(bytes: Buffer, start: number, text: string): number {
  for (let i = 0; i < text.length; i++) bytes[start + i] = text.charCodeAt(i);
  return start + text.length;
}
