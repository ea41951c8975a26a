import type { Endpoint } from "../model/endpoint.ts";
import type { Address } from "../model/instance.ts";

const MAX_PORT = 65_535;

/** Digits and dots, or hexadecimal groups with colons and an optional zone: enough to refuse a name or rubbish. */
const IP_LITERAL = /^(\d{1,3}(\.\d{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[\w.-]+)?)$/;

/** Labels of letters, digits, hyphens and underscores; at most 253 characters. Source: RFC 1123, 2.1. */
const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?)*\.?$/;

/**
 * Why an agent could not dial this endpoint; `undefined` when it can. The agent rejects such
 * an endpoint by its id and keeps the former content, instead of failing requests on it.
 */
export function whyUnusable(endpoint: Endpoint): string | undefined {
  if (endpoint.id.length === 0) return "it has no id";
  if (!Number.isInteger(endpoint.weight) || endpoint.weight < 0) {
    return `weight ${endpoint.weight} is not a whole number of at least 0`;
  }
  return badAddress(endpoint.address) ?? badPorts(endpoint);
}

function badAddress({ kind, value }: Address): string | undefined {
  if (kind === "unix") {
    return value.startsWith("/") ? undefined : `unix path "${value}" is not absolute`;
  }
  if (kind === "ip") {
    return IP_LITERAL.test(value) ? undefined : `"${value}" is not an IP address`;
  }
  return HOST_NAME.test(value) ? undefined : `"${value}" is not a host name`;
}

function badPorts({ address, ports }: Endpoint): string | undefined {
  if (address.kind === "unix") return undefined;
  const isUsable = ports.some(
    ({ port }) => Number.isInteger(port) && port >= 1 && port <= MAX_PORT,
  );
  return isUsable ? undefined : "it has no port from 1 to 65535";
}
