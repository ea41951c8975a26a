import { BinaryWriter } from "@bufbuild/protobuf/wire";
import type {
  EndpointsUpdate,
  InFlightReport,
  Nonce,
  ResourceAck,
  ResumeToken,
  ServiceUpdate,
  Update,
  UpdateKind,
} from "../../core/discovery/update.ts";
import { type Digest, EMPTY_DIGEST } from "../../core/model/digest.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import {
  Digest as DigestMessage,
  type InFlight as InFlightMessage,
  UpdateKind as KindCode,
  type Nonce as NonceMessage,
  Removal as RemovalMessage,
  type ResourceAck as ResourceAckMessage,
  ResourceType,
  type ResourceUpdate,
  ResourceUpdate as ResourceUpdateMessage,
  type ResumeToken as ResumeTokenMessage,
} from "../../gen/weir/v1/discovery.ts";
import type { Service as ServiceMessage } from "../../gen/weir/v1/types.ts";
import { encodeEndpoint, endpointFromWire, removalFromWire, removalToWire } from "./endpoint.ts";
import { defaultsToWire, defaultsUnchecked } from "./instance.ts";
import { encodePosition, positionsFromWire } from "./positions.ts";
import { wholeNumber } from "./whole-number.ts";

/** Tags of length-delimited fields: field number * 8 + 2. */
const WATCH_RESPONSE_UPDATE = 18;
const UPSERTS = 98;
const REMOVALS = 106;
const DIGEST = 114;
const POSITIONS = 122;

/**
 * The bytes of a whole `weir.v1.WatchResponse` with this update: made once and sent to every
 * watcher. The same bytes as the generated encoder's, but each endpoint's come from its cache.
 * A Buffer, because grpc-js copies messages with a Buffer's method.
 */
export function encodeUpdate(update: Update): Buffer {
  const writer = new BinaryWriter();
  if (update.type === "service") {
    ResourceUpdateMessage.encode(serviceUpdateToWire(update), writer);
  } else {
    writeEndpoints(writer, update);
  }
  const body = writer.finish();
  const bytes = writer.uint32(WATCH_RESPONSE_UPDATE).bytes(body).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function writeEndpoints(writer: BinaryWriter, update: EndpointsUpdate): void {
  ResourceUpdateMessage.encode(endpointsHeadToWire(update), writer);
  for (const endpoint of update.upserts) writer.uint32(UPSERTS).bytes(encodeEndpoint(endpoint));
  for (const removal of update.removals) {
    RemovalMessage.encode(removalToWire(removal), writer.uint32(REMOVALS).fork()).join();
  }
  DigestMessage.encode(update.digest, writer.uint32(DIGEST).fork()).join();
  for (const position of update.positions ?? []) {
    encodePosition(position, writer.uint32(POSITIONS).fork()).join();
  }
}

function serviceUpdateToWire(update: ServiceUpdate): ResourceUpdate {
  return {
    type: ResourceType.RESOURCE_TYPE_SERVICE,
    namespace: update.namespace,
    service: update.service,
    kind: KindCode.UPDATE_KIND_SNAPSHOT,
    fromVersion: 0n,
    version: BigInt(update.version),
    chunk: 0,
    lastChunk: true,
    settled: update.settled,
    exists: true,
    serviceRecord: serviceRecord(update),
    upserts: [],
    removals: [],
    digest: undefined,
    positions: [],
  };
}

/** Counts stay 0: they belong to operators' lists and would change with every endpoint. */
function serviceRecord({ namespace, service, defaults }: ServiceUpdate): ServiceMessage {
  return {
    namespace,
    name: service,
    defaults: defaults && defaultsToWire(defaults),
    instanceCount: 0,
    healthyCount: 0,
    hasConflictingDefaults: false,
  };
}

/** Everything but the lists and the digest, which follow it in the order of their field numbers. */
function endpointsHeadToWire(update: EndpointsUpdate): ResourceUpdate {
  return {
    type: ResourceType.RESOURCE_TYPE_ENDPOINTS,
    namespace: update.namespace,
    service: update.service,
    kind: KIND_CODES[update.kind],
    fromVersion: BigInt(update.fromVersion),
    version: BigInt(update.version),
    chunk: update.chunk,
    lastChunk: update.isLastChunk,
    settled: update.settled,
    exists: update.exists,
    serviceRecord: undefined,
    upserts: [],
    removals: [],
    digest: undefined,
    positions: [],
  };
}

const KIND_CODES: Readonly<Record<UpdateKind, KindCode>> = {
  pending: KindCode.UPDATE_KIND_PENDING,
  resumed: KindCode.UPDATE_KIND_RESUMED,
  delta: KindCode.UPDATE_KIND_DELTA,
  snapshot: KindCode.UPDATE_KIND_SNAPSHOT,
  absent: KindCode.UPDATE_KIND_ABSENT,
};

/**
 * An update as an agent gets it. Endpoints are not judged here; see `endpointFromWire`.
 * @throws MeshError PROTOCOL_VIOLATION for a type or kind that this program does not know.
 */
export function updateFromWire(message: ResourceUpdate): Update {
  const { namespace, service, settled } = message;
  const version = wholeNumber(message.version, "version");
  if (resourceTypeFromWire(message.type) === "service") {
    const defaults = defaultsUnchecked(message.serviceRecord?.defaults);
    return { type: "service", namespace, service, version, settled, defaults };
  }
  return {
    type: "endpoints",
    kind: kindFromWire(message.kind),
    namespace,
    service,
    fromVersion: wholeNumber(message.fromVersion, "from_version"),
    version,
    chunk: message.chunk,
    isLastChunk: message.lastChunk,
    settled,
    exists: message.exists,
    upserts: message.upserts.map(endpointFromWire),
    removals: message.removals.map(removalFromWire),
    digest: digestFromWire(message.digest),
    ...(message.positions.length > 0 && { positions: positionsFromWire(message.positions) }),
  };
}

function kindFromWire(code: KindCode): UpdateKind {
  switch (code) {
    case KindCode.UPDATE_KIND_PENDING:
      return "pending";
    case KindCode.UPDATE_KIND_RESUMED:
      return "resumed";
    case KindCode.UPDATE_KIND_DELTA:
      return "delta";
    case KindCode.UPDATE_KIND_SNAPSHOT:
      return "snapshot";
    case KindCode.UPDATE_KIND_ABSENT:
      return "absent";
    default:
      throw unknownCode("kind", code);
  }
}

function resourceTypeFromWire(code: ResourceType): Nonce["type"] {
  switch (code) {
    case ResourceType.RESOURCE_TYPE_SERVICE:
      return "service";
    case ResourceType.RESOURCE_TYPE_ENDPOINTS:
      return "endpoints";
    default:
      throw unknownCode("type", code);
  }
}

function unknownCode(field: string, code: number): MeshError {
  const message = `${field} ${code} of a resource is not known here; is the peer a newer Weir?`;
  return new MeshError("PROTOCOL_VIOLATION", message);
}

export function nonceToWire(nonce: Nonce): NonceMessage {
  const { namespace, service, chunk } = nonce;
  const type =
    nonce.type === "service"
      ? ResourceType.RESOURCE_TYPE_SERVICE
      : ResourceType.RESOURCE_TYPE_ENDPOINTS;
  return { type, namespace, service, version: BigInt(nonce.version), chunk };
}

/** @throws MeshError PROTOCOL_VIOLATION when it is not set, or names an unknown type. */
export function nonceFromWire(message: NonceMessage | undefined): Nonce {
  if (message === undefined) {
    throw new MeshError(
      "PROTOCOL_VIOLATION",
      "an acknowledgement without nonce; echo the update's",
    );
  }
  const { namespace, service, chunk } = message;
  const type = resourceTypeFromWire(message.type);
  return { type, namespace, service, version: wholeNumber(message.version, "version"), chunk };
}

export function ackToWire(ack: ResourceAck): ResourceAckMessage {
  const { rejected, digestMismatch, held } = ack;
  return { nonce: nonceToWire(ack.nonce), rejected: [...rejected], digestMismatch, held };
}

/** @throws MeshError PROTOCOL_VIOLATION without a usable nonce. */
export function ackFromWire(message: ResourceAckMessage): ResourceAck {
  const { rejected, digestMismatch, held } = message;
  return { nonce: nonceFromWire(message.nonce), rejected, digestMismatch, held };
}

/** The wire's names are the core's: one place that says so, should they part. */
export function inFlightToWire(report: InFlightReport): InFlightMessage {
  return { ...report };
}

export function inFlightFromWire(message: InFlightMessage): InFlightReport {
  return { ...message };
}

export function resumeToWire({ epoch, version, digest }: ResumeToken): ResumeTokenMessage {
  return { epoch: BigInt(epoch), version: BigInt(version), digest: { ...digest } };
}

/** @returns `undefined` when the agent holds nothing. */
export function resumeFromWire(message: ResumeTokenMessage | undefined): ResumeToken | undefined {
  if (message === undefined) return undefined;
  return {
    epoch: wholeNumber(message.epoch, "resume.epoch"),
    version: wholeNumber(message.version, "resume.version"),
    digest: digestFromWire(message.digest),
  };
}

/** A digest that is not set is that of the empty set. */
function digestFromWire(message: DigestMessage | undefined): Digest {
  return message === undefined ? EMPTY_DIGEST : { count: message.count, sum: message.sum };
}
