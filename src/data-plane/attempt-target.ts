import type { Endpoint } from "../core/model/endpoint.ts";
import type { ServiceKey } from "../core/model/names.ts";
import type { AttemptTarget } from "../ports/exchange.ts";

/**
 * Names the connections to one process of an endpoint: retire it when the endpoint drains or
 * leaves. Names hold no slash, so the key is unambiguous.
 */
export function poolKey(service: ServiceKey, id: string, registrationId: string): string {
  return `${service}/${id}/${registrationId}`;
}

/** Where attempts on an endpoint go; kept as long as the endpoint's content does not change. */
const targets = new WeakMap<Endpoint, AttemptTarget>();

/**
 * @param portName the endpoint's first port when left out.
 * @returns `undefined` when the endpoint has no such port.
 */
export function targetOf(
  service: ServiceKey,
  endpoint: Endpoint,
  portName: string | undefined,
): AttemptTarget | undefined {
  const known = targets.get(endpoint);
  if (known !== undefined) return known;
  const port =
    portName === undefined
      ? endpoint.ports[0]
      : endpoint.ports.find(({ name }) => name === portName);
  if (port === undefined) return undefined;
  const key = poolKey(service, endpoint.id, endpoint.registrationId);
  const target = { address: endpoint.address, port: port.port, key };
  targets.set(endpoint, target);
  return target;
}
