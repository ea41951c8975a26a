import { NO_LOCALITY } from "../../src/core/model/instance.ts";
import { EndpointWatch } from "../../src/data-plane/endpoint-watch.ts";
import { ReplicaList } from "../../src/data-plane/replica-list.ts";
import { ServiceTable } from "../../src/data-plane/service-table.ts";
import type { ServiceSettings, UpstreamService } from "../../src/data-plane/upstream-service.ts";
import { FakeClock } from "./fake-clock.ts";
import { FakeLog, FakeWatchSource } from "./fake-streams.ts";

const SETTINGS: ServiceSettings = {
  policy: "round_robin",
  connectTimeoutMs: 1_000,
  requestTimeoutMs: 1_000,
  idleTimeoutMs: 1_000,
  retryAttempts: 0,
  maxConnectionsPerEndpoint: 10,
};

/** A watch of `orders`, with the table that it fills and the server that it hears. */
export function watching(options: { wantsAll?: boolean; services?: string[] } = {}) {
  const clock = new FakeClock();
  const log = new FakeLog();
  const source = new FakeWatchSource();
  const table = new ServiceTable({
    clock,
    log,
    wantsAll: options.wantsAll ?? false,
    settingsOf: () => SETTINGS,
    isPolicyFixed: () => false,
    onSubscribe: (namespace, service) => watch.subscribe(namespace, service),
    onIdle: (key, idle) => watch.becameIdle(key, idle),
    onChange: () => undefined,
  });
  const watch = new EndpointWatch({
    source,
    replicas: new ReplicaList(["one:1"], () => 0),
    hello: { agentId: "a1", isDataPlane: true, locality: NO_LOCALITY, softwareVersion: "1" },
    services: table,
    clock,
    random: () => 0,
    log,
  });
  for (const service of options.services ?? ["orders"]) table.subscribe("default", service);
  watch.start();
  return { clock, log, source, table, watch };
}

export function upstreamOf(table: ServiceTable): UpstreamService {
  const upstream = table.lookup("default", "orders");
  if (upstream === undefined) throw new Error("orders has no answer yet");
  return upstream;
}
