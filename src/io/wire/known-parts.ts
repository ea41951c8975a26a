import { isIP } from "node:net";
import {
  DEFAULT_WEIGHT,
  type Instance,
  type Locality,
  NO_LOCALITY,
  NO_METADATA,
  type Port,
  type ServiceDefaults,
} from "../../core/model/instance.ts";
import {
  DEFAULT_NAMESPACE,
  type InstanceId,
  isName,
  type RegistrationId,
} from "../../core/model/names.ts";
import { DEFAULT_LEASE_MS, instanceViolations } from "../../core/model/validate-instance.ts";
import { RegisterRequest } from "../../gen/weir/v1/registry.ts";
import { Instance as InstanceMessage } from "../../gen/weir/v1/types.ts";
import { defaultsFromWire } from "./instance.ts";
import { KnownParts, KnownTexts, SharedParts } from "./known-bytes.ts";
import { localityFromWire, portsFromWire } from "./parts.ts";

/** A valid instance; a part of another one is allowed when it is allowed here. */
const PROBE: Instance = {
  namespace: DEFAULT_NAMESPACE,
  service: "probe",
  id: "probe" as InstanceId,
  address: { kind: "ip", value: "127.0.0.1" },
  ports: [{ name: "http", port: 80, protocol: "http1" }],
  weight: DEFAULT_WEIGHT,
  priority: 0,
  locality: NO_LOCALITY,
  metadata: NO_METADATA,
  health: "healthy",
  registrationId: "" as RegistrationId,
  generation: 0,
  leaseMs: DEFAULT_LEASE_MS,
};

function isAllowed(part: Partial<Instance>): boolean {
  return instanceViolations({ ...PROBE, ...part }, "", (text) => isIP(text) !== 0) === undefined;
}

/** Of namespaces and services. One of these for a process: what one client says, the next one says too. */
export const names = new KnownTexts(isName);
export const labelKeys = new KnownTexts((key) => isAllowed({ metadata: new Map([[key, ""]]) }));
export const labelValues = new KnownTexts((value) =>
  isAllowed({ metadata: new Map([["key", value]]) }),
);
/** Whole sets of labels: the instances of one release mostly say the same. */
export const labelSets = new SharedParts<ReadonlyMap<string, string>>();
export const portSets = new KnownParts<readonly Port[]>((bytes) => {
  const ports = Object.freeze(portsFromWire(InstanceMessage.decode(bytes).ports));
  return isAllowed({ ports }) ? ports : undefined;
});
export const localities = new KnownParts<Locality>((bytes) => {
  const locality = Object.freeze(localityFromWire(InstanceMessage.decode(bytes).locality));
  return isAllowed({ locality }) ? locality : undefined;
});
/** What registrations say of their services; nothing is an answer too. */
export const defaultSets = new KnownParts<{ readonly defaults: ServiceDefaults | undefined }>(
  (bytes) => ({ defaults: defaultsFromWire(RegisterRequest.decode(bytes).serviceDefaults, "") }),
);
