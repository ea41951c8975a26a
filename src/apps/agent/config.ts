import { parseSettings, type SettingSource, settingsError } from "../../config/parse-settings.ts";
import { type ServiceKey, serviceKey } from "../../core/model/names.ts";
import { DEFAULT_RETRY_BUDGET } from "../../core/resilience/retry-budget.ts";
import type { PathRoute } from "../../core/routing/match.ts";
import type { LocalInstance } from "../../data-plane/local-instance.ts";
import type { ServiceSettings } from "../../data-plane/upstream-service.ts";
import { localInstances } from "./config-instances.ts";
import { type AgentSettings, agentSchema } from "./config-schema.ts";

/** What one agent runs with. */
export interface AgentConfig
  extends Omit<AgentSettings, "instances" | "routes" | "subscribe" | "services"> {
  readonly instances: readonly LocalInstance[];
  readonly routes: readonly PathRoute[];
  /** Watched from the start. */
  readonly subscribe: readonly { readonly namespace: string; readonly service: string }[];
  /** Every service is watched. */
  readonly subscribeAll: boolean;
  readonly services: ReadonlyMap<ServiceKey, AgentSettings["services"][number]>;
  /** Every effective value and where it came from, for `weir config`. */
  readonly sources: readonly SettingSource[];
}

export interface AgentConfigInput {
  /** By camel-case name, as commander gives them; `undefined` is not given. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly fileText?: string | undefined;
  /** As the user named it, for messages. */
  readonly filePath?: string | undefined;
}

/** @throws MeshError INVALID_ARGUMENT that lists every problem with its place and its fix. */
export function agentConfigFrom(input: AgentConfigInput): AgentConfig {
  const { flags, env, fileText, filePath = "configuration" } = input;
  const file = fileText === undefined ? undefined : { text: fileText, path: filePath };
  const { settings, sources, placeOf } = parseSettings(agentSchema, { flags, env, file });
  const { namespace } = settings;
  const { instances, violations } = localInstances(
    settings.instances,
    namespace,
    settings.locality,
  );
  if (violations.length > 0) throw settingsError(violations, placeOf);
  return {
    ...settings,
    instances,
    routes: settings.routes.map(({ pathPrefix, service, stripPrefix }) => ({
      pathPrefix,
      stripPrefix,
      ...splitServiceName(service, namespace),
    })),
    subscribe: settings.subscribe
      .filter((text) => text !== "*")
      .map((text) => splitServiceName(text, namespace)),
    subscribeAll: settings.subscribe.includes("*"),
    services: new Map(
      settings.services.map((override) => [keyOf(override.name, namespace), override]),
    ),
    sources,
  };
}

/** `orders` or `shop/orders`. */
export function splitServiceName(text: string, namespace: string) {
  const slash = text.indexOf("/");
  if (slash === -1) return { namespace, service: text };
  return { namespace: text.slice(0, slash), service: text.slice(slash + 1) };
}

/** How the agent treats requests to one service, before the service's own defaults. */
export function settingsFor(config: AgentConfig, key: ServiceKey): ServiceSettings {
  const { timeouts, retries, pool } = config;
  const override = config.services.get(key);
  const settings: ServiceSettings = {
    policy: override?.policy ?? config.policy,
    connectTimeoutMs: timeouts.connect,
    requestTimeoutMs: override?.timeout ?? timeouts.request,
    idleTimeoutMs: timeouts.idle,
    retryAttempts: override?.retries ?? retries.attempts,
    retryBudget: {
      ...DEFAULT_RETRY_BUDGET,
      percent: retries.budgetPercent,
      minPerSecond: retries.minPerSecond,
    },
    maxConnectionsPerEndpoint: pool.maxConnectionsPerEndpoint,
  };
  return override?.port === undefined ? settings : { ...settings, port: override.port };
}

function keyOf(text: string, namespace: string): ServiceKey {
  const name = splitServiceName(text, namespace);
  return serviceKey(name.namespace, name.service);
}
