import { setTimeout as delay } from "node:timers/promises";
import { type Agreed, waitUntilAgreed } from "./agreement.ts";
import { Churn } from "./churn.ts";
import { type Cluster, type Replica, startCluster, waitUntilAllSettled } from "./cluster.ts";
import type { ReplicasScale } from "./cluster-scale.ts";
import { type MeshUnderTest, populate } from "./populate.ts";
import { RollingDeploy } from "./rolling-deploy.ts";
import { failureLines, type Run, rateShortfall, runOf, type Scale } from "./scale.ts";
import { Stage } from "./stage.ts";
import { startTraffic, type Traffic } from "./traffic.ts";

/** What changed this recently may still be on its way: a hundred times what it takes. */
const GRACE_MS = 1_000;

/** What the mesh has to keep after each heal. */
const CONVERGE_LIMIT_MS = 10_000;

/** Without a word, instances go with their lease, or once their replica is known to be dead and they do not answer. */
const UNCONFIRMED_TIMEOUT_MS = 120_000;

interface Setting extends MeshUnderTest {
  readonly stage: Stage;
  readonly cluster: Cluster;
  readonly scale: ReplicasScale;
  /** Replicas that answer nobody just now. */
  readonly silent: Set<string>;
}

interface Healed extends Agreed {
  readonly fault: string;
}

/**
 * Three replicas under churn, watchers and requests, of which each is killed in turn, one is
 * frozen and one cut off, and whose NATS server is restarted. Nobody may lose what is live, see
 * again what left, or answer a request badly; after each heal all agree again.
 */
export function replicas(scale: Scale, say: (line: string) => void): Promise<Run> {
  return Stage.run(say, async (stage) => {
    const { replicas: sizes } = scale;
    const cluster = await startCluster(stage, { settleAfter: scale.settleAfter });
    await waitUntilAllSettled(cluster.replicas);
    stage.note("three replicas are settled");
    const mesh = await populate(stage, sizes.population, { sides: [cluster.replicas] });
    const silent = new Set<string>();
    const setting = { stage, cluster, silent, scale: sizes, ...mesh };
    const changing = {
      ...mesh,
      replicas: cluster.replicas,
      isSilent: (id: string) => silent.has(id),
    };
    const agents = Array.from({ length: sizes.agents }, () => cluster.addresses);
    const traffic = await startTraffic(stage, agents, sizes.requestsPerSecond);
    const deploy = new RollingDeploy(changing);
    const churn = new Churn({
      ...changing,
      services: mesh.churned,
      instances: sizes.population.instances,
      perSecond: sizes.changesPerSecond,
    });
    stage.onClose(() => churn.stop() as undefined);
    churn.start();
    deploy.start();
    const healed = await breakEverything(setting);
    churn.stop();
    await deploy.stop();
    const end = await waitForTheEnd(setting);
    return summarise({ setting, churn, deploy, traffic, healed, end, scale });
  });
}

async function breakEverything(setting: Setting): Promise<Healed[]> {
  const { cluster, scale } = setting;
  const healed: Healed[] = [];
  for (const [i, replica] of cluster.replicas.entries()) {
    healed.push(
      await during(setting, `${replica.id} killed`, [replica], async () => {
        await replica.kill();
        await delay(scale.killedMs[i] ?? 0);
        await replica.restart();
      }),
    );
  }
  healed.push(
    await during(setting, "NATS restarted", [], async () => {
      for (const server of cluster.nats) await server.kill();
      await delay(scale.natsDownMs);
      for (const server of cluster.nats) await server.start();
    }),
  );
  const [frozen, isolated] = cluster.replicas as [Replica, Replica];
  healed.push(
    await during(setting, `${frozen.id} frozen`, [frozen], async () => {
      frozen.freeze();
      await delay(scale.frozenMs);
      frozen.thaw();
    }),
  );
  healed.push(
    await during(setting, `${isolated.id} cut off`, [], async () => {
      isolated.cut();
      await delay(scale.cutMs);
      isolated.heal();
    }),
  );
  return healed;
}

/** One fault, from calm to calm. @param silent those that answer nobody meanwhile. */
async function during(
  setting: Setting,
  fault: string,
  silent: readonly Replica[],
  happen: () => Promise<void>,
): Promise<Healed> {
  const { stage, scale, cluster, check, crowd } = setting;
  await delay(scale.calmMs);
  stage.note(`${fault} ...`);
  for (const { id } of silent) setting.silent.add(id);
  await happen();
  setting.silent.clear();
  const limits = { graceMs: GRACE_MS, timeoutMs: scale.agreeTimeoutMs };
  const agreed = await waitUntilAgreed({ ...setting, replicas: cluster.replicas }, limits);
  const faults = `${check.shrinks} shrinks, ${check.resurrected} resurrected so far`;
  stage.note(
    `  healed: tables agree after ${agreed.tablesMs} ms, watchers after ${agreed.watchersMs} ms; ${faults}; watchers at ${JSON.stringify(crowd.spread())}`,
  );
  for (const line of [...agreed.late, ...agreed.problems]) stage.note(`  ${line}`);
  await waitUntilAllSettled(cluster.replicas);
  return { fault, ...agreed };
}

/** Without changes, everything has to be exact; who left without a word has until its lease runs out. */
async function waitForTheEnd(setting: Setting): Promise<Agreed & { readonly unconfirmed: number }> {
  const { stage, truth, cluster } = setting;
  const unconfirmed = truth.unconfirmed();
  stage.note(`no more changes; ${unconfirmed.length} instances left without a word`);
  await delay(GRACE_MS);
  for (const { registrationId } of truth.unconfirmed()) truth.gone(registrationId);
  const timeoutMs = unconfirmed.length > 0 ? UNCONFIRMED_TIMEOUT_MS : CONVERGE_LIMIT_MS;
  const agreement = { ...setting, replicas: cluster.replicas };
  const agreed = await waitUntilAgreed(agreement, { timeoutMs, graceMs: 0 });
  stage.note(`everybody agrees ${agreed.watchersMs} ms later`);
  return { ...agreed, unconfirmed: unconfirmed.length };
}

interface Findings {
  readonly setting: Setting;
  readonly scale: Scale;
  readonly churn: Churn;
  readonly deploy: RollingDeploy;
  readonly traffic: Traffic;
  readonly healed: readonly Healed[];
  readonly end: Agreed & { readonly unconfirmed: number };
}

async function summarise(findings: Findings): Promise<Run> {
  const { setting, churn, deploy, traffic, healed, end } = findings;
  const { check, fleet, crowd, scale } = setting;
  const report = await traffic.finish();
  const lost = [...healed, end].flatMap(({ problems }) => problems).filter(isLoss).length;
  const figures = {
    requests: report.requests,
    failed: report.failed,
    lost: lost + fleet.wronged.length,
    resurrected: check.resurrected,
    converge_ms_max: Math.max(...healed.map(({ tablesMs }) => tablesMs)),
    shrinks: check.shrinks,
    watchers_converge_ms_max: Math.max(...healed.map(({ watchersMs }) => watchersMs)),
    changes: churn.changes,
    replaced_under_load: deploy.replaced,
    left_without_a_word: end.unconfirmed,
    untold_losers: fleet.untoldCount,
    failed_drains: churn.failedDrains,
    watcher_connects: crowd.moves,
    requests_per_second: Math.round(report.requests / report.seconds),
    latency_ms_p99: report.latencyMs.p99,
  };
  const late = healed.filter(({ watchersMs }) => watchersMs > CONVERGE_LIMIT_MS);
  const shortfalls = [
    ...failureLines(report),
    ...rateShortfall(report, scale.requestsPerSecond * 0.8),
    ...check.lines,
    ...fleet.wronged,
    ...late.map(({ fault, watchersMs }) => `${fault}: agreement only after ${watchersMs} ms`),
    ...[...healed, end].flatMap(({ problems }) => problems),
    ...(fleet.untoldCount === 0 ? [] : [`${fleet.untoldCount} losers of an id were not told`]),
    ...(deploy.replaced > 0 ? [] : ["nothing was replaced under load"]),
  ];
  return runOf("replicas", figures, shortfalls);
}

function isLoss(problem: string): boolean {
  return problem.includes(" lost ");
}
