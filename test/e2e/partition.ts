import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../support/free-port.ts";
import { keyOf } from "../support/mesh-truth.ts";
import { NatsServerProcess } from "../support/nats-server.ts";
import { waitUntil } from "../support/wait-until.ts";
import { type Replica, startReplica, waitUntilAllSettled } from "./cluster.ts";
import { type Machine, Network } from "./network.ts";
import { type MeshUnderTest, populate, type Side } from "./populate.ts";
import type { Run, Scale } from "./scale.ts";
import { Stage } from "./stage.ts";
import { Trial } from "./trial.ts";

const MACHINES = 3;

/** Every side's client takes over an id within this, or never. */
const CONFLICT_TIMEOUT_MS = 10_000;

/** Between two claims on one id: the later one wins, by clocks that are less apart than this. */
const BETWEEN_CLAIMS_MS = 100;

/** NATS finds an idle dead route by its own pings; its default takes minutes. */
const NATS_PINGS = 'ping_interval: "2s"\nping_max: 2';

/** What sends nothing to whom, by number of the machine. */
interface Cut {
  readonly name: string;
  readonly pairs: readonly (readonly [number, number])[];
}

const CUTS: readonly Cut[] = [
  {
    name: "replica-1 apart",
    pairs: [
      [0, 1],
      [1, 0],
      [0, 2],
      [2, 0],
    ],
  },
  {
    name: "replica-2 hears nobody",
    pairs: [
      [0, 1],
      [2, 1],
    ],
  },
  {
    name: "nobody hears replica-3",
    pairs: [
      [2, 0],
      [2, 1],
    ],
  },
  {
    name: "all apart",
    pairs: [
      [0, 1],
      [1, 0],
      [0, 2],
      [2, 0],
      [1, 2],
      [2, 1],
    ],
  },
];

/**
 * Three machines, each with a replica, a NATS server of one cluster, an agent and watchers, between
 * which the network is cut. Both sides go on changing, also the same instances. Instances are
 * reached from everywhere: it is the control plane that is split.
 */
export function partition(scale: Scale, say: (line: string) => void): Promise<Run> {
  return Stage.run(say, async (stage) => {
    const sizes = scale.partition;
    const whyNot = Network.whyNot();
    if (whyNot !== undefined) throw new Error(whyNot);
    const network = Network.create(stage, MACHINES);
    const natsServers = await startNats(stage, network.machines);
    const replicas = await Promise.all(
      network.machines.map((machine, i) => {
        const nats = natsServers[i]?.url ?? "";
        return startOn(stage, machine, { id: `replica-${i + 1}`, nats, ...scale });
      }),
    );
    await waitUntilAllSettled(replicas);
    stage.note("three replicas on three machines are settled");
    const sides = network.machines.map((machine, i) => ({
      machine,
      replicas: replicas.slice(i, i + 1),
    }));
    const mesh = await populate(stage, sizes.population, sides, network.ip);
    const trial = await Trial.start({ stage, replicas, mesh, sides, scale: sizes });
    let conflicts = 0;
    for (const { name, pairs } of CUTS.slice(0, sizes.cuts)) {
      await trial.during(name, [], async () => {
        for (const [from, to] of pairs)
          network.cut(machineOf(network, from), machineOf(network, to));
        await delay(sizes.cutMs / 2);
        conflicts += await claimOnAllSides(mesh, sides, sizes.conflicts, trial.churn.spared);
        await delay(sizes.cutMs / 2);
        network.heal();
      });
    }
    const run = await trial.finish("partition", { conflicts });
    const { watchers_converge_ms_max: convergeMs = 0, ...figures } = run.result.figures;
    const named = { ...figures, converge_ms: convergeMs };
    return { ...run, result: { ...run.result, figures: named } };
  });
}

async function startNats(stage: Stage, machines: readonly Machine[]): Promise<NatsServerProcess[]> {
  const [port, routePort] = [await freePort(), await freePort()];
  const routes = machines.map(({ ip }) => `"nats://${ip}:${routePort}"`).join(", ");
  const starting = machines.map(({ ip, within }, i) =>
    NatsServerProcess.start({
      ...{ port, within, host: ip },
      config: `server_name: "nats-${i + 1}"\n${NATS_PINGS}\ncluster { name: "weir", listen: "${ip}:${routePort}", routes: [${routes}], no_advertise: true }`,
    }),
  );
  const servers = await Promise.all(starting);
  for (const server of servers) stage.onClose(() => server.stop());
  return servers;
}

async function startOn(
  stage: Stage,
  { ip, within }: Machine,
  { id, nats, settleAfter }: { id: string; nats: string; settleAfter: string | undefined },
): Promise<Replica> {
  return startReplica(stage, {
    ...{ id, nats, settleAfter, within },
    address: `${ip}:${await freePort()}`,
    adminAddress: `${ip}:${await freePort()}`,
    args: ["--insecure"],
    // Its machine is cut off, not the program.
    cut: () => undefined,
    heal: () => undefined,
  });
}

/** The same ids are registered anew on one side after another: each side has a holder of its own. */
async function claimOnAllSides(
  { truth, fleet, churned }: MeshUnderTest,
  sides: readonly Side[],
  count: number,
  spared: Set<string>,
): Promise<number> {
  const contested = churned.slice(0, count).flatMap((service) => truth.liveOf(service).slice(0, 1));
  // The winner has to be there when they meet.
  for (const one of contested) spared.add(keyOf(one));
  for (let side = 0; side < sides.length; side++) {
    const claims = contested.map(({ service, id, registrationId }) => ({
      ...{ service, id },
      registrationId: `${registrationId}.${side + 1}`,
    }));
    for (const claim of claims) fleet.register(side, [claim]);
    await waitUntil(`all ids are claimed on side ${side + 1}`, CONFLICT_TIMEOUT_MS, () =>
      claims.every(({ registrationId }) => truth.phaseOf(registrationId) !== "starting"),
    );
    await delay(BETWEEN_CLAIMS_MS);
  }
  return contested.length * sides.length;
}

function machineOf({ machines }: Network, number: number): Machine {
  const machine = machines[number];
  if (machine === undefined) throw new Error(`there is no machine ${number}`);
  return machine;
}
