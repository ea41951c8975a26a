import { setTimeout as delay } from "node:timers/promises";
import { startCluster, waitUntilAllSettled } from "./cluster.ts";
import { populate, type Side } from "./populate.ts";
import type { Run, Scale } from "./scale.ts";
import { Stage } from "./stage.ts";
import { Trial } from "./trial.ts";

/** NATS is gone for a moment, first killed and then out of reach, while every replica takes changes. */
export function natsOutage(scale: Scale, say: (line: string) => void): Promise<Run> {
  return Stage.run(say, async (stage) => {
    const sizes = scale.natsOutage;
    const { nats, replicas } = await startCluster(stage, { settleAfter: scale.settleAfter });
    await waitUntilAllSettled(replicas);
    const everybody: Side = { replicas };
    const mesh = await populate(stage, sizes.population, [everybody]);
    const trial = await Trial.start({ stage, replicas, mesh, sides: [everybody], scale: sizes });
    let published = 0;
    const countChanges = async (outage: () => Promise<void>): Promise<void> => {
      const before = trial.churn.changes;
      await outage();
      published += trial.churn.changes - before;
    };
    await trial.during("NATS killed", [], async () => {
      for (const server of nats) await server.kill();
      await countChanges(() => delay(sizes.natsDownMs));
      for (const server of nats) await server.start();
    });
    await trial.during("NATS out of reach", [], async () => {
      for (const replica of replicas) replica.cut();
      await countChanges(() => delay(sizes.natsDownMs));
      for (const replica of replicas) replica.heal();
    });
    const run = await trial.finish("nats-outage");
    const { watchers_converge_ms_max: convergeMs = 0, ...figures } = run.result.figures;
    const named = { published_while_down: published, converge_ms: convergeMs, ...figures };
    return { ...run, result: { ...run.result, figures: named } };
  });
}
