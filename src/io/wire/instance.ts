import { isIP } from "node:net";
import {
  DEFAULT_WEIGHT,
  type Health,
  type Instance,
  type ServiceDefaults,
} from "../../core/model/instance.ts";
import { DEFAULT_NAMESPACE, type InstanceId, type RegistrationId } from "../../core/model/names.ts";
import { echo } from "../../core/model/text.ts";
import { DEFAULT_LEASE_MS, instanceViolations } from "../../core/model/validate-instance.ts";
import { invalidArgument } from "../../core/model/violations.ts";
import {
  Health as HealthCode,
  Instance as InstanceMessage,
  Protocol as ProtocolCode,
  ServiceDefaults as ServiceDefaultsMessage,
} from "../../gen/weir/v1/types.ts";
import { durationToMs, msToDuration } from "./duration.ts";
import {
  addressFromWire,
  addressToWire,
  localityFromWire,
  localityToWire,
  metadataFromWire,
  metadataToWire,
  portsFromWire,
  portsToWire,
  protocolFromWire,
  protocolToWire,
} from "./parts.ts";

const NO_BYTES = new Uint8Array();

/** A policy's name: agents may know more of them than this server. */
const POLICY = /^[a-z][a-z0-9_]{0,62}$/;

/**
 * An instance that somebody registers, with defaults for what it does not say. An empty
 * registration_id and generation 0 stay as they are: the registry derives them.
 * @param path of the message within its request, for example `instance`.
 * @throws MeshError INVALID_ARGUMENT with every violation.
 */
export function instanceFromWire(message: InstanceMessage | undefined, path: string): Instance {
  if (message === undefined) {
    throw invalidArgument([{ field: path, description: "is missing; say what registers" }]);
  }
  const instance = instanceUnchecked(message);
  const violations = instanceViolations(instance, path, isIp);
  if (violations !== undefined) throw invalidArgument(violations);
  return instance;
}

/** An instance that a Weir server sends, which checked it when it was registered. */
export function instanceUnchecked(message: InstanceMessage): Instance {
  return {
    namespace: message.namespace === "" ? DEFAULT_NAMESPACE : message.namespace,
    service: message.service,
    id: message.id as InstanceId,
    address: addressFromWire(message.address),
    ports: portsFromWire(message.ports),
    weight: message.weight ?? DEFAULT_WEIGHT,
    priority: message.priority,
    locality: localityFromWire(message.locality),
    metadata: metadataFromWire(message.metadata),
    health: healthFromWire(message.health),
    registrationId: message.registrationId as RegistrationId,
    generation: Number(message.generation),
    leaseMs: durationToMs(message.lease) ?? DEFAULT_LEASE_MS,
  };
}

export function instanceToWire(instance: Instance): InstanceMessage {
  return {
    namespace: instance.namespace,
    service: instance.service,
    id: instance.id,
    address: addressToWire(instance.address),
    ports: portsToWire(instance.ports),
    weight: instance.weight,
    priority: instance.priority,
    locality: localityToWire(instance.locality),
    metadata: metadataToWire(instance.metadata),
    health: healthToWire(instance.health),
    registrationId: instance.registrationId,
    generation: BigInt(instance.generation),
    lease: msToDuration(instance.leaseMs),
  };
}

/** The bytes of a `weir.v1.Instance`, for files. */
export function encodeInstance(instance: Instance): Uint8Array {
  return InstanceMessage.encode(instanceToWire(instance)).finish();
}

/** An instance whose bytes this program, or an earlier version of it, wrote. */
export function decodeInstance(bytes: Uint8Array): Instance {
  return instanceUnchecked(InstanceMessage.decode(bytes));
}

/** What is not said, or not known here, is healthy: absence of a verdict takes nobody out. */
export function healthFromWire(code: HealthCode): Health {
  return code === HealthCode.HEALTH_UNHEALTHY ? "unhealthy" : "healthy";
}

export function healthToWire(health: Health): HealthCode {
  return health === "healthy" ? HealthCode.HEALTH_HEALTHY : HealthCode.HEALTH_UNHEALTHY;
}

/**
 * @param path of the message within its request, for example `service_defaults`.
 * @returns `undefined` when the message is not set or says nothing.
 * @throws MeshError INVALID_ARGUMENT for a policy that cannot be a policy's name.
 */
export function defaultsFromWire(
  message: ServiceDefaultsMessage | undefined,
  path: string,
): ServiceDefaults | undefined {
  if (message === undefined) return undefined;
  const { protocol, policy } = message;
  if (policy === "" && protocol === ProtocolCode.PROTOCOL_UNSPECIFIED) return undefined;
  if (policy !== "" && !POLICY.test(policy)) {
    const description = `${echo(policy)} is not a policy's name; use one like least_request`;
    throw invalidArgument([{ field: `${path}.policy`, description }]);
  }
  return { protocol: protocolFromWire(protocol), policy };
}

/** Defaults that a server sent or a file kept: a policy that this program does not know is no error. */
export function defaultsUnchecked(
  message: ServiceDefaultsMessage | undefined,
): ServiceDefaults | undefined {
  return message && { protocol: protocolFromWire(message.protocol), policy: message.policy };
}

export function defaultsToWire(defaults: ServiceDefaults): ServiceDefaultsMessage {
  return { protocol: protocolToWire(defaults.protocol), policy: defaults.policy };
}

/** The bytes of a `weir.v1.ServiceDefaults`, none when there are no defaults; for files. */
export function encodeDefaults(defaults: ServiceDefaults | undefined): Uint8Array {
  if (defaults === undefined) return NO_BYTES;
  return ServiceDefaultsMessage.encode(defaultsToWire(defaults)).finish();
}

/** The reverse of `encodeDefaults`. */
export function decodeDefaults(bytes: Uint8Array): ServiceDefaults | undefined {
  return bytes.length === 0 ? undefined : defaultsUnchecked(ServiceDefaultsMessage.decode(bytes));
}

function isIp(text: string): boolean {
  return isIP(text) !== 0;
}
