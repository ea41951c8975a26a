/** What an agent holds of its services, and a way to see what changes it. */
import type { ApplyResult } from "../src/core/discovery/apply-result.ts";
import type { EndpointsUpdate } from "../src/core/discovery/update.ts";
import type { ServiceKey } from "../src/core/model/names.ts";
import type { WatchedServices } from "../src/data-plane/endpoint-watch.ts";
import { ServiceTable } from "../src/data-plane/service-table.ts";
import type { ServiceSettings } from "../src/data-plane/upstream-service.ts";
import { systemClock } from "../src/io/system-clock.ts";
import type { Log } from "../src/ports/log.ts";

/** Hundreds of reconnects must not write thousands of lines. */
export const quietLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

const SETTINGS: ServiceSettings = {
  policy: "least_request",
  connectTimeoutMs: 1_000,
  requestTimeoutMs: 10_000,
  idleTimeoutMs: 60_000,
  retryAttempts: 1,
  maxConnectionsPerEndpoint: 10,
};

/** @param applied after the picker has it */
export function watchedTable(
  names: readonly string[],
  applied: (update: EndpointsUpdate, result: ApplyResult) => void,
): WatchedServices {
  const table = new ServiceTable({
    clock: systemClock,
    log: quietLog,
    wantsAll: false,
    settingsOf: () => SETTINGS,
    isPolicyFixed: () => false,
    onSubscribe: () => undefined,
    onIdle: () => undefined,
    onChange: () => undefined,
  });
  for (const name of names) table.subscribe("default", name);
  return {
    wantsAll: false,
    subscriptions: () => table.subscriptions(),
    apply: (update, epoch) => {
      const result = table.apply(update, epoch);
      if (update.type === "endpoints" && result !== undefined) applied(update, result);
      return result;
    },
    forgetPosition: (namespace, service) => table.forgetPosition(namespace, service),
    resumeOf: (namespace, service) => table.resumeOf(namespace, service),
    inFlightOf: (key: ServiceKey, endpoint) => table.inFlightOf(key, endpoint),
    drainingOf: (key: ServiceKey) => table.drainingOf(key),
    retiredOf: (key: ServiceKey) => table.retiredOf(key),
  };
}
