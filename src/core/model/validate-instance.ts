import type { Instance, Locality, Port } from "./instance.ts";
import { echo } from "./text.ts";
import { checkAddress } from "./validate-address.ts";
import { checkMetadata } from "./validate-metadata.ts";
import { checkInstanceId, checkName, checkRegistrationId } from "./validate-names.ts";
import { type Violations, violation } from "./violations.ts";

/** Three renewals of 5 s: one lost packet or one long pause removes nothing. */
export const DEFAULT_LEASE_MS = 15_000;
/** Below, a garbage collection of the client looks like its death. */
export const MIN_LEASE_MS = 3_000;
/** Above, agents would send to the dead for too long. */
export const MAX_LEASE_MS = 300_000;
/** Enough for every protocol of a program, few enough to send with each change. */
export const MAX_PORTS = 16;
/** Steps of 1 % of the default, and a hundred times the default. */
export const MAX_WEIGHT = 10_000;
/** Seven bits: more tiers than anybody can reason about. */
export const MAX_PRIORITY = 127;

const LOCALITY_PART = /^[A-Za-z0-9._/-]{0,63}$/;

/**
 * Everything that is wrong with an instance that somebody wants to register. An empty
 * registrationId and generation 0 are fine: the registry derives them.
 * @param path of the instance within its request, for example `instance`.
 * @param isIp decides on literal IPv4 and IPv6 addresses.
 * @returns `undefined` when nothing is wrong.
 */
export function instanceViolations(
  instance: Instance,
  path: string,
  isIp: (text: string) => boolean,
): Violations {
  let found = checkName(undefined, `${path}.namespace`, instance.namespace);
  found = checkName(found, `${path}.service`, instance.service);
  found = checkInstanceId(found, `${path}.id`, instance.id);
  found = checkAddress(found, `${path}.address`, instance.address, isIp);
  found = checkPorts(found, path, instance);
  found = checkFigures(found, path, instance);
  found = checkLocality(found, `${path}.locality`, instance.locality);
  found = checkMetadata(found, `${path}.metadata`, instance.metadata);
  return checkRegistrationId(found, `${path}.registration_id`, instance.registrationId);
}

/** Adds what is wrong with a place; an empty part is unknown. */
export function checkLocality(found: Violations, field: string, locality: Locality): Violations {
  let all = checkLocalityPart(found, `${field}.region`, locality.region);
  all = checkLocalityPart(all, `${field}.zone`, locality.zone);
  return checkLocalityPart(all, `${field}.sub_zone`, locality.subZone);
}

function checkLocalityPart(found: Violations, field: string, part: string): Violations {
  if (part === "" || LOCALITY_PART.test(part)) return found;
  const rule = "use at most 63 of A-Z, a-z, 0-9 and . _ / -";
  return violation(found, field, `${echo(part)} is not allowed; ${rule}`);
}

function checkPorts(found: Violations, path: string, { ports, address }: Instance): Violations {
  if (ports.length === 0 || ports.length > MAX_PORTS) {
    return violation(found, `${path}.ports`, `${ports.length} ports; give 1 to ${MAX_PORTS}`);
  }
  const lowest = address.kind === "unix" ? 0 : 1;
  let all = found;
  for (const [index, port] of ports.entries()) {
    all = checkName(all, `${path}.ports[${index}].name`, port.name);
    if (port.port < lowest || port.port > 65_535) {
      const rule = `is outside ${lowest}..65535`;
      all = violation(all, `${path}.ports[${index}].port`, `${port.port} ${rule}`);
    }
    if (index > 0 && isTaken(ports, index, port.name)) {
      const rule = "names two ports; give each its own name";
      all = violation(all, `${path}.ports[${index}].name`, `${echo(port.name)} ${rule}`);
    }
  }
  return all;
}

function isTaken(ports: readonly Port[], before: number, name: string): boolean {
  return ports.findIndex((port) => port.name === name) < before;
}

function checkFigures(found: Violations, path: string, instance: Instance): Violations {
  let all = checkRange(found, `${path}.weight`, instance.weight, 0, MAX_WEIGHT);
  all = checkRange(all, `${path}.priority`, instance.priority, 0, MAX_PRIORITY);
  if (!(instance.leaseMs >= MIN_LEASE_MS && instance.leaseMs <= MAX_LEASE_MS)) {
    const rule = `is outside ${MIN_LEASE_MS / 1000} s..${MAX_LEASE_MS / 1000} s`;
    all = violation(all, `${path}.lease`, `${instance.leaseMs / 1000} s ${rule}`);
  }
  if (Number.isSafeInteger(instance.generation)) return all;
  return violation(all, `${path}.generation`, "is too large; count from 1");
}

function checkRange(
  found: Violations,
  field: string,
  value: number,
  lowest: number,
  highest: number,
): Violations {
  if (value >= lowest && value <= highest) return found;
  return violation(found, field, `${value} is outside ${lowest}..${highest}`);
}
