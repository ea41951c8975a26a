import type { Endpoint, EndpointState, Removal, RemovalReason } from "../../core/model/endpoint.ts";
import type { InstanceId, RegistrationId } from "../../core/model/names.ts";
import type { Removal as RemovalMessage } from "../../gen/weir/v1/discovery.ts";
import {
  Endpoint as EndpointMessage,
  RemovalReason as ReasonCode,
  EndpointState as StateCode,
} from "../../gen/weir/v1/types.ts";
import {
  addressFromWire,
  addressToWire,
  localityFromWire,
  localityToWire,
  metadataFromWire,
  metadataToWire,
  portsFromWire,
  portsToWire,
} from "./parts.ts";
import { wholeNumber } from "./whole-number.ts";

/**
 * Bytes of endpoints that were sent before. An endpoint is immutable, and one that several
 * updates carry is encoded once; the bytes live as long as the endpoint does.
 */
const encoded = new WeakMap<Endpoint, Uint8Array>();

/** The bytes of a `weir.v1.Endpoint`. Shared: nobody may write to them. */
export function encodeEndpoint(endpoint: Endpoint): Uint8Array {
  const known = encoded.get(endpoint);
  if (known !== undefined) return known;
  const bytes = EndpointMessage.encode(endpointToWire(endpoint)).finish();
  encoded.set(endpoint, bytes);
  return bytes;
}

export function endpointToWire(endpoint: Endpoint): EndpointMessage {
  return {
    id: endpoint.id,
    registrationId: endpoint.registrationId,
    address: addressToWire(endpoint.address),
    ports: portsToWire(endpoint.ports),
    weight: endpoint.weight,
    priority: endpoint.priority,
    locality: localityToWire(endpoint.locality),
    state: endpointStateToWire(endpoint.state),
    metadata: metadataToWire(endpoint.metadata),
    hash: endpoint.hash,
    operatorRevision: BigInt(endpoint.operatorRevision),
    firstRegistered: BigInt(endpoint.firstRegistered ?? 0),
  };
}

/**
 * Translates without judging: whether the endpoint can be used is the agent's decision, which
 * rejects one by one. An address of an unknown kind becomes `NO_ADDRESS`.
 * @throws MeshError PROTOCOL_VIOLATION for an operator revision beyond counting.
 */
export function endpointFromWire(message: EndpointMessage): Endpoint {
  return {
    id: message.id as InstanceId,
    registrationId: message.registrationId as RegistrationId,
    address: addressFromWire(message.address),
    ports: portsFromWire(message.ports),
    weight: message.weight,
    priority: message.priority,
    locality: localityFromWire(message.locality),
    state: endpointStateFromWire(message.state),
    metadata: metadataFromWire(message.metadata),
    hash: message.hash,
    operatorRevision: wholeNumber(message.operatorRevision, "operator_revision"),
    firstRegistered: wholeNumber(message.firstRegistered, "first_registered"),
  };
}

const STATE_CODES: Readonly<Record<EndpointState, StateCode>> = {
  healthy: StateCode.ENDPOINT_STATE_HEALTHY,
  unhealthy: StateCode.ENDPOINT_STATE_UNHEALTHY,
  suspect: StateCode.ENDPOINT_STATE_SUSPECT,
  draining: StateCode.ENDPOINT_STATE_DRAINING,
};

export function endpointStateToWire(state: EndpointState): StateCode {
  return STATE_CODES[state];
}

/** A state that is newer than this program is taken as unhealthy: not picked is the safe side. */
export function endpointStateFromWire(code: StateCode): EndpointState {
  switch (code) {
    case StateCode.ENDPOINT_STATE_HEALTHY:
      return "healthy";
    case StateCode.ENDPOINT_STATE_SUSPECT:
      return "suspect";
    case StateCode.ENDPOINT_STATE_DRAINING:
      return "draining";
    default:
      return "unhealthy";
  }
}

export function removalToWire({ id, registrationId, reason }: Removal): RemovalMessage {
  return { id, registrationId, reason: removalReasonToWire(reason) };
}

export function removalFromWire({ id, registrationId, reason }: RemovalMessage): Removal {
  return {
    id: id as InstanceId,
    registrationId: registrationId as RegistrationId,
    reason: removalReasonFromWire(reason),
  };
}

const REASON_CODES: Readonly<Record<RemovalReason, ReasonCode>> = {
  deregistered: ReasonCode.REMOVAL_REASON_DEREGISTERED,
  expired: ReasonCode.REMOVAL_REASON_EXPIRED,
  superseded: ReasonCode.REMOVAL_REASON_SUPERSEDED,
  evicted: ReasonCode.REMOVAL_REASON_EVICTED,
};

export function removalReasonToWire(reason: RemovalReason): ReasonCode {
  return REASON_CODES[reason];
}

/** A reason that is newer than this program is taken as expiry, the one that fences least. */
export function removalReasonFromWire(code: ReasonCode): RemovalReason {
  switch (code) {
    case ReasonCode.REMOVAL_REASON_DEREGISTERED:
      return "deregistered";
    case ReasonCode.REMOVAL_REASON_SUPERSEDED:
      return "superseded";
    case ReasonCode.REMOVAL_REASON_EVICTED:
      return "evicted";
    default:
      return "expired";
  }
}
