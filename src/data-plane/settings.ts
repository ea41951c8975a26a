import { type ServiceKey, serviceKey } from "../core/model/names.ts";
import { DEFAULT_RETRY_BUDGET } from "../core/resilience/retry-budget.ts";
import type { DataPlaneSettings } from "./settings-schema.ts";
import type { ServiceSettings } from "./upstream-service.ts";

/** Which services are watched from the start, and what is said of single ones. */
export interface WatchPlan {
  readonly subscribe: readonly { readonly namespace: string; readonly service: string }[];
  /** Every service is watched. */
  readonly subscribeAll: boolean;
  readonly services: ReadonlyMap<ServiceKey, DataPlaneSettings["services"][number]>;
}

/** Settings as the data plane reads them. */
export type DataPlaneConfig = Omit<DataPlaneSettings, "subscribe" | "services"> & WatchPlan;

export function watchPlan({ namespace, subscribe, services }: DataPlaneSettings): WatchPlan {
  return {
    subscribe: subscribe
      .filter((text) => text !== "*")
      .map((text) => splitServiceName(text, namespace)),
    subscribeAll: subscribe.includes("*"),
    services: new Map(services.map((override) => [keyOf(override.name, namespace), override])),
  };
}

/** `orders` or `shop/orders`. */
export function splitServiceName(text: string, namespace: string) {
  const slash = text.indexOf("/");
  if (slash === -1) return { namespace, service: text };
  return { namespace: text.slice(0, slash), service: text.slice(slash + 1) };
}

/** How the agent treats requests to one service, before the service's own defaults. */
export function settingsFor(config: DataPlaneConfig, key: ServiceKey): ServiceSettings {
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
