/** Names of things, and the keys made of them. */

/** A tenant's set of services. */
export const DEFAULT_NAMESPACE = "default";

/** `namespace/service`: names cannot hold a slash, so the key is unambiguous. */
export type ServiceKey = string & { readonly __brand: "ServiceKey" };

/** Unique within a service. */
export type InstanceId = string & { readonly __brand: "InstanceId" };

/** One process of an instance: new at each of its starts. */
export type RegistrationId = string & { readonly __brand: "RegistrationId" };

/** A DNS label, so that a name can become a host name, a metric label and a file name. Source: RFC 1123, 2.1. */
const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Instance ids are looser than names, because people use `host:port` and ULIDs. 1..128 characters. */
const INSTANCE_ID = /^[A-Za-z0-9]([-A-Za-z0-9._:@]{0,126}[A-Za-z0-9])?$/;

/** True for a namespace, a service name or a port name. */
export function isName(text: string): boolean {
  return text.length <= 63 && NAME.test(text);
}

/** True for an instance id or a registration id. */
export function isInstanceId(text: string): boolean {
  return text.length <= 128 && INSTANCE_ID.test(text);
}

export function serviceKey(namespace: string, service: string): ServiceKey {
  return `${namespace}/${service}` as ServiceKey;
}

/** `{ namespace, service }` of a key. */
export function splitServiceKey(key: ServiceKey): { namespace: string; service: string } {
  const slash = key.indexOf("/");
  return { namespace: key.slice(0, slash), service: key.slice(slash + 1) };
}

/** Leaves room behind it for a port and a counter. */
const MAX_HOST_PART = 100;

/**
 * What of a machine's name an id may hold: for ids that nobody chose.
 * @param fallback for a name of which nothing is left.
 */
export function hostPartOfId(hostName: string, fallback: string): string {
  const part = hostName
    .replace(/[^A-Za-z0-9._-]/g, "-")
    .slice(0, MAX_HOST_PART)
    .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, "");
  return part === "" ? fallback : part;
}
