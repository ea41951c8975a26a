import { setTimeout as delay } from "node:timers/promises";
import { type Replica, startCluster, waitUntilAllSettled } from "./cluster.ts";
import { populate, type Side } from "./populate.ts";
import type { Run, Scale } from "./scale.ts";
import { Stage } from "./stage.ts";
import { Trial } from "./trial.ts";

/** Each replica is killed in turn, NATS restarted, one replica frozen and one cut off. */
export function replicas(scale: Scale, say: (line: string) => void): Promise<Run> {
  return Stage.run(say, async (stage) => {
    const sizes = scale.replicas;
    const cluster = await startCluster(stage, { settleAfter: scale.settleAfter });
    await waitUntilAllSettled(cluster.replicas);
    stage.note("three replicas are settled");
    const everybody: Side = { replicas: cluster.replicas };
    const mesh = await populate(stage, sizes.population, [everybody]);
    const sides = Array.from({ length: sizes.agents }, () => everybody);
    const { replicas } = cluster;
    const trial = await Trial.start({ stage, replicas, mesh, sides, scale: sizes });
    for (const [i, replica] of cluster.replicas.entries()) {
      await trial.during(`${replica.id} killed`, [replica], async () => {
        await replica.kill();
        await delay(sizes.killedMs[i] ?? 0);
        await replica.restart();
      });
    }
    await trial.during("NATS restarted", [], async () => {
      for (const server of cluster.nats) await server.kill();
      await delay(sizes.natsDownMs);
      for (const server of cluster.nats) await server.start();
    });
    const [frozen, isolated] = cluster.replicas as [Replica, Replica];
    await trial.during(`${frozen.id} frozen`, [frozen], async () => {
      frozen.freeze();
      await delay(sizes.frozenMs);
      frozen.thaw();
    });
    await trial.during(`${isolated.id} cut off`, [], async () => {
      isolated.cut();
      await delay(sizes.cutMs);
      isolated.heal();
    });
    return trial.finish("replicas");
  });
}
