import { isIP } from "node:net";
import type { SettingViolation } from "../config/parse-settings.ts";
import type { Address, Locality, Port, ServiceDefaults } from "../core/model/instance.ts";
import { NO_METADATA } from "../core/model/instance.ts";
import type { InstanceId, RegistrationId } from "../core/model/names.ts";
import { instanceViolations } from "../core/model/validate-instance.ts";
import type { ProbeTarget } from "../ports/prober.ts";
import type { ProbePlan } from "./health-monitor.ts";
import type { LocalInstance } from "./local-instance.ts";
import type { InstanceSettings } from "./settings-schema.ts";

/** A third of an interval of 2 s and more: what is this much slower is not healthy. */
const DEFAULT_PROBE = { interval: 2_000, timeout: 1_000, rise: 2, fall: 3 } as const;

/** The `instances` of a configuration, and everything that is wrong with them. */
export function localInstances(
  settings: readonly InstanceSettings[],
  namespace: string,
  locality: Locality,
): { readonly instances: LocalInstance[]; readonly violations: SettingViolation[] } {
  const instances: LocalInstance[] = [];
  const violations: SettingViolation[] = [];
  const places = new Map<string, number>();
  settings.forEach((entry, i) => {
    const path = ["instances", i];
    const local = localInstance(entry, namespace, locality);
    violations.push(...violationsOf(local, entry, path));
    const first = places.get(local.key);
    if (first !== undefined) {
      const description = `${local.key} is also instances[${first}]; two processes with one id take it from each other, so give each its own`;
      violations.push({ path: [...path, "id"], description });
    }
    places.set(local.key, i);
    instances.push(local);
  });
  return { instances, violations };
}

function localInstance(
  entry: InstanceSettings,
  agentNamespace: string,
  locality: Locality,
): LocalInstance {
  const slash = entry.service.indexOf("/");
  const namespace = slash === -1 ? agentNamespace : entry.service.slice(0, slash);
  const service = entry.service.slice(slash + 1);
  const address = addressOf(entry.address);
  const ports = portsOf(entry, address);
  const metadata = Object.entries(entry.metadata);
  return {
    key: `${namespace}/${service}/${entry.id}`,
    instance: {
      namespace,
      service,
      id: entry.id as InstanceId,
      address,
      ports,
      weight: entry.weight,
      priority: entry.priority,
      locality,
      metadata: metadata.length === 0 ? NO_METADATA : new Map(metadata),
      leaseMs: entry.lease,
    },
    defaults: defaultsOf(entry),
    probe: probeOf(entry, address, ports[0]?.port ?? 0),
  };
}

function addressOf(text: string): Address {
  if (text.startsWith("unix:")) return { kind: "unix", value: text.slice("unix:".length) };
  if (text.startsWith("/")) return { kind: "unix", value: text };
  const bare = text.replace(/^\[(.*)\]$/, "$1");
  return isIP(bare) === 0 ? { kind: "hostname", value: text } : { kind: "ip", value: bare };
}

function portsOf({ port, ports, defaults }: InstanceSettings, address: Address): Port[] {
  if (ports !== undefined) return [...ports];
  const protocol = defaults?.protocol ?? "http1";
  if (port === undefined && address.kind !== "unix") return [];
  return [{ name: "http", port: port ?? 0, protocol }];
}

function defaultsOf({ defaults }: InstanceSettings): ServiceDefaults | undefined {
  return defaults && { protocol: defaults.protocol, policy: defaults.policy ?? "" };
}

/** Without a word about probes it is a TCP probe: a living agent must not keep a dead application alive. */
function probeOf(
  { probe }: InstanceSettings,
  address: Address,
  port: number,
): ProbePlan | undefined {
  if (probe?.none === true || address.kind === "unix") return undefined;
  const { interval, timeout, rise, fall } = probe ?? DEFAULT_PROBE;
  const at = { host: address.value, port };
  let target: ProbeTarget = { kind: "tcp", ...at };
  if (probe?.http !== undefined) target = { kind: "http", ...at, path: probe.http };
  else if (probe?.grpc !== undefined) target = { kind: "grpc", ...at, service: probe.grpc };
  return { target, intervalMs: interval, timeoutMs: timeout, thresholds: { rise, fall } };
}

function violationsOf(
  { instance }: LocalInstance,
  entry: InstanceSettings,
  path: readonly PropertyKey[],
): SettingViolation[] {
  const found: SettingViolation[] = [];
  const { probe } = entry;
  if (entry.port !== undefined && entry.ports !== undefined) {
    found.push({ path: [...path, "port"], description: "set port or ports, not both" });
  }
  if (instance.ports.length === 0) {
    found.push({
      path: [...path, "port"],
      description: "set the port that the instance listens on",
    });
    return found;
  }
  const kinds = [probe?.http, probe?.grpc, probe?.tcp || undefined, probe?.none || undefined];
  if (kinds.filter((kind) => kind !== undefined).length > 1) {
    found.push({ path: [...path, "probe"], description: "set one of http, tcp, grpc and none" });
  }
  if (instance.address.kind === "unix" && probe !== undefined && probe.none !== true) {
    const description = "unix sockets cannot be probed yet; set { none: true }";
    found.push({ path: [...path, "probe"], description });
  }
  const whole = {
    ...instance,
    registrationId: "new" as RegistrationId,
    generation: 0,
    health: "healthy" as const,
  };
  const isIp = (text: string) => isIP(text) !== 0;
  for (const { field, description } of instanceViolations(whole, "instance", isIp) ?? []) {
    // The wire's field names lead to the setting, or near it.
    const steps = field.split(/[.[\]]+/).slice(1);
    found.push({ path: [...path, ...steps.filter((step) => step !== "")], description });
  }
  return found;
}
