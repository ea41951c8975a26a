/** Registering while somebody watches: new instances travel to every watcher of their service. */
import { median } from "./median.ts";
import { startWeirServer } from "./processes.ts";
import { RegisterFleet } from "./register-fleet.ts";
import { SERVICES, serviceName } from "./register-instances.ts";
import { RemoteClient } from "./watch-remote.ts";

const REGISTRATIONS = 24_000;
const ROUNDS = 3;
/** A hundred agents, each with a tenth of the services, as a mesh's agents have. */
const WATCHERS = { connections: 10, streamsPerConnection: 10 };
const WATCHED = 10;

/** Registrations a second with a hundred watchers, as a share of those without; all instances are new. */
export async function measureWatched(): Promise<number> {
  const fleet = new RegisterFleet();
  const server = await startWeirServer();
  let round = 0;
  const run = async (): Promise<number> => {
    const { startedAtMs, endedAtMs, count } = await fleet.run({
      kind: "attach",
      address: server.address,
      first: REGISTRATIONS * round++,
      count: REGISTRATIONS,
      generation: 1,
      batch: 100,
      parallel: 4,
    });
    return count / (endedAtMs - startedAtMs);
  };
  const watchers: RemoteClient[] = [];
  try {
    await run();
    const alone: number[] = [];
    for (let i = 0; i < ROUNDS; i++) alone.push(await run());
    const services = Array.from({ length: WATCHED }, (_, i) =>
      serviceName(i * (SERVICES / WATCHED)),
    );
    const options = { kind: "weir", address: server.address, services, ...WATCHERS } as const;
    watchers.push(await RemoteClient.open(options));
    const watched: number[] = [];
    for (let i = 0; i < ROUNDS; i++) watched.push(await run());
    return median(watched) / median(alone);
  } finally {
    await Promise.all(watchers.map((client) => client.close()));
    await fleet.close();
    await server.stop();
  }
}
