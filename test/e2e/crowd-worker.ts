/** A process of watchers: each is a shipped watch client on connections of its own, without the request path. */
import type { Endpoint } from "../../src/core/model/endpoint.ts";
import { NO_LOCALITY } from "../../src/core/model/instance.ts";
import { splitServiceKey } from "../../src/core/model/names.ts";
import { EndpointWatch } from "../../src/data-plane/endpoint-watch.ts";
import { ReplicaList } from "../../src/data-plane/replica-list.ts";
import { type ServiceEntry, ServiceTable } from "../../src/data-plane/service-table.ts";
import type { ServiceSettings } from "../../src/data-plane/upstream-service.ts";
import { grpcWatchSource } from "../../src/io/grpc/watch-client.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import { quietLog } from "../support/control-plane.ts";
import { seededRandom } from "../support/seeded-random.ts";
import type {
  CrowdEvent,
  CrowdMove,
  CrowdReport,
  CrowdStart,
  ListChange,
} from "./crowd-protocol.ts";
import { LastUpdate } from "./observed-watch.ts";

const REPORT_EVERY_MS = 20;

/** Connections opened in one go; the run is not about how fast they come. */
const OPENED_EVERY_MS = 5;

/** No request is ever sent. */
const SETTINGS: ServiceSettings = {
  policy: "round_robin",
  connectTimeoutMs: 1_000,
  requestTimeoutMs: 10_000,
  idleTimeoutMs: 10_000,
  retryAttempts: 0,
  maxConnectionsPerEndpoint: 1,
};

let events: CrowdEvent[] = [];
let moves: CrowdMove[] = [];

function startWatcher(options: CrowdStart["watchers"][number], seed: number): void {
  const { id: watcher, replicas, services } = options;
  const random = seededRandom(seed);
  const world = { clock: systemClock, log: quietLog };
  const table: ServiceTable = new ServiceTable({
    ...world,
    wantsAll: false,
    settingsOf: () => SETTINGS,
    isPolicyFixed: () => true,
    onSubscribe: () => undefined,
    onIdle: (key, endpoint) => watch.becameIdle(key, endpoint),
    onChange: () => undefined,
  });
  let replicaId = "";
  const last = new LastUpdate();
  const watch = new EndpointWatch({
    ...world,
    random,
    source: last.of(grpcWatchSource()),
    replicas: new ReplicaList(replicas, random),
    hello: { agentId: watcher, isDataPlane: true, locality: NO_LOCALITY, softwareVersion: "e2e" },
    services: table,
    onConnection: (news) => {
      const now = news.isConnected ? news.replicaId : "";
      if (now !== replicaId) moves.push({ watcher, replicaId: now });
      replicaId = now;
    },
  });
  for (const service of services) {
    const entry = table.subscribe("default", service);
    if (entry !== undefined)
      follow(table, entry, last, (changes) => {
        events.push({ watcher, changes, by: last.about(changes[0]?.id) });
      });
  }
  watch.start();
}

function follow(
  table: ServiceTable,
  entry: ServiceEntry,
  last: LastUpdate,
  tell: (changes: ListChange[]) => void,
): void {
  const { service } = splitServiceKey(entry.key);
  let former = new Map<string, Endpoint>();
  table.follow(entry, () => {
    const now = new Map(entry.set.endpoints().map((endpoint) => [endpoint.id as string, endpoint]));
    const changes = changesBetween(service, former, now, (id) => last.expires(id));
    former = now;
    if (changes.length > 0) tell(changes);
  });
}

function changesBetween(
  service: string,
  former: ReadonlyMap<string, Endpoint>,
  now: ReadonlyMap<string, Endpoint>,
  expires: (registrationId: string) => boolean,
): ListChange[] {
  const changes: ListChange[] = [];
  const note = (kind: ListChange["kind"], { id, registrationId, state }: Endpoint): void => {
    const isExpired = kind === "removed" && expires(registrationId);
    changes.push({
      kind,
      service,
      id,
      registrationId,
      isExpired,
      isDraining: state === "draining",
    });
  };
  for (const [id, endpoint] of former) {
    if (now.get(id)?.registrationId !== endpoint.registrationId) note("removed", endpoint);
  }
  for (const [id, endpoint] of now) {
    const before = former.get(id);
    if (before?.registrationId !== endpoint.registrationId) note("added", endpoint);
    else if (before !== endpoint) note("changed", endpoint);
  }
  return changes;
}

setInterval(() => {
  if (events.length === 0 && moves.length === 0) return;
  const report: CrowdReport = { events, moves };
  events = [];
  moves = [];
  process.send?.(report);
}, REPORT_EVERY_MS);

process.on("message", (message) => {
  const { watchers } = message as CrowdStart;
  watchers.forEach((watcher, i) => {
    setTimeout(() => startWatcher(watcher, i + 1), i * OPENED_EVERY_MS);
  });
});
// The parent died: nobody will read what this process says.
process.on("disconnect", () => process.exit(0));
