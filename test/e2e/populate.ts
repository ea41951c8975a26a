import { MeshTruth } from "../support/mesh-truth.ts";
import { waitUntil } from "../support/wait-until.ts";
import { WatcherCheck } from "../support/watcher-check.ts";
import type { Replica } from "./cluster.ts";
import { Crowd } from "./crowd.ts";
import { Fleet } from "./fleet.ts";
import type { Machine } from "./network.ts";
import type { Population } from "./population.ts";
import { SERVICE } from "./scale.ts";
import type { Stage } from "./stage.ts";

/** Registering thousands of instances, and showing them to hundreds of watchers, on a busy machine. */
const POPULATE_TIMEOUT_MS = 60_000;

/** How many watchers see every service; the others see a part. */
const WIDE_WATCHERS = 4;

/** Who belongs together: clients, watchers and agents of a side are given its replicas. */
export interface Side {
  readonly replicas: readonly Replica[];
  /** Where its watchers and agents run; on the run's own machine when left out. */
  readonly machine?: Machine;
}

export interface MeshUnderTest {
  readonly truth: MeshTruth;
  readonly check: WatcherCheck;
  readonly fleet: Fleet;
  readonly crowd: Crowd;
  /** All but the one that gets requests. */
  readonly churned: readonly string[];
}

/**
 * Registers all instances and lets all watchers watch; resolves when everybody sees everything.
 * @param host where instances listen.
 */
export async function populate(
  stage: Stage,
  population: Population,
  sides: readonly Side[],
  host = "127.0.0.1",
): Promise<MeshUnderTest> {
  const { services: count, instances, clients, leaseMs } = population;
  const truth = new MeshTruth(() => performance.now());
  const check = new WatcherCheck(truth);
  const services = [SERVICE, ...Array.from({ length: count - 1 }, (_, i) => `service-${i + 1}`)];
  const sideOf = (i: number) => sides[i % sides.length]?.replicas ?? [];
  const addresses = (i: number) => sideOf(i).map(({ address }) => address);
  const fleet = new Fleet(stage, truth, {
    ...{ host, leaseMs },
    clients: Array.from({ length: clients }, (_, i) => addresses(i)),
  });
  const all = services.flatMap((service) =>
    Array.from({ length: instances }, (_, i) => {
      const id = `${service}-${i + 1}`;
      return { service, id, registrationId: `${id}.0` };
    }),
  );
  for (let client = 0; client < clients; client++) {
    fleet.register(
      client,
      all.filter((_, i) => i % clients === client),
    );
  }
  await waitUntil("all instances are registered", POPULATE_TIMEOUT_MS, () =>
    services.every((service) => truth.liveOf(service).length === instances),
  );
  stage.note(`${all.length} instances of ${count} services are registered`);
  const crowd = new Crowd(stage, check);
  const watchers = watchersOf(population, services, addresses);
  sides.forEach(({ machine }, side) => {
    const own = watchers.filter((_, i) => i % sides.length === side);
    crowd.add(own, machine?.within);
  });
  await waitUntil("all watchers see everything", POPULATE_TIMEOUT_MS, () => {
    return check.mismatches(0).length === 0;
  });
  stage.note(`${population.watchers} watchers see them, at ${JSON.stringify(crowd.spread())}`);
  return { truth, check, fleet, crowd, churned: services.slice(1) };
}

/** Every service is watched by about equally many. */
function watchersOf(
  { watchers, servicesAWatcher }: Population,
  services: readonly string[],
  addresses: (i: number) => readonly string[],
) {
  return Array.from({ length: watchers }, (_, i) => {
    const first = (i * servicesAWatcher) % services.length;
    const part = [...services, ...services].slice(first, first + servicesAWatcher);
    return {
      id: `watcher-${i + 1}`,
      replicas: addresses(i),
      services: i < WIDE_WATCHERS ? services : [...new Set(part)],
    };
  });
}
