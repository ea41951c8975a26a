import { ResolveResponse } from "../../gen/weir/v1/discovery.ts";
import type { SavedService } from "../../ports/last-known-good.ts";
import { endpointFromWire, endpointToWire } from "./endpoint.ts";
import { defaultsToWire, defaultsUnchecked } from "./instance.ts";
import { resumeFromWire, resumeToWire } from "./update.ts";

/** A service in an agent's file: the bytes of a `weir.v1.ResolveResponse`. */
export function encodeService(saved: SavedService): Uint8Array {
  const { namespace, service: name, defaults, resume } = saved;
  const message: ResolveResponse = {
    service: {
      namespace,
      name,
      defaults: defaults && defaultsToWire(defaults),
      instanceCount: 0,
      healthyCount: 0,
      hasConflictingDefaults: false,
    },
    endpoints: saved.endpoints.map(endpointToWire),
    ...resumeToWire(resume),
    settled: true,
  };
  return ResolveResponse.encode(message).finish();
}

/** @throws Error that says what is wrong with the bytes. */
export function decodeService(bytes: Uint8Array): SavedService {
  const message = ResolveResponse.decode(bytes);
  const { namespace = "", name: service = "", defaults: said } = message.service ?? {};
  const resume = resumeFromWire(message);
  if (service === "" || resume === undefined) throw new Error("a service has no name");
  const endpoints = message.endpoints.map(endpointFromWire);
  const defaults = defaultsUnchecked(said);
  const saved = { namespace, service, endpoints, resume };
  return defaults === undefined ? saved : { ...saved, defaults };
}
