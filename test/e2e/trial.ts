import { setTimeout as delay } from "node:timers/promises";
import type { LoadReport } from "../support/load-protocol.ts";
import { type Agreed, waitUntilAgreed } from "./agreement.ts";
import { Churn } from "./churn.ts";
import { type Replica, waitUntilAllSettled } from "./cluster.ts";
import type { TrialScale } from "./cluster-scale.ts";
import type { MeshUnderTest, Side } from "./populate.ts";
import { RollingDeploy } from "./rolling-deploy.ts";
import { failureLines, type Run, rateShortfall, runOf } from "./scale.ts";
import type { Stage } from "./stage.ts";
import { startTraffic, type Traffic } from "./traffic.ts";

/** What changed this recently may still be on its way: a hundred times what it takes. */
const GRACE_MS = 1_000;

/** What the mesh has to keep after each heal. */
const CONVERGE_LIMIT_MS = 10_000;

/** Who left without a word goes with its lease, or when its replica is known to be dead and it does not answer. */
const UNCONFIRMED_TIMEOUT_MS = 120_000;

/** The load generator may be late on a busy machine; one that sends less proves less than it says. */
const MIN_RATE_SHARE = 0.8;

interface Healed extends Agreed {
  readonly fault: string;
}

export interface TrialOptions {
  readonly stage: Stage;
  readonly scale: TrialScale;
  readonly replicas: readonly Replica[];
  readonly mesh: MeshUnderTest;
  /** One agent with requests on each. */
  readonly sides: readonly Side[];
}

/**
 * A mesh under churn, deployments and requests that is broken in one way after another. Nobody may
 * lose what is live, see again what left, or answer a request badly; after each heal all agree.
 */
export class Trial {
  readonly churn: Churn;
  readonly #options: TrialOptions;
  readonly #traffic: Traffic;
  readonly #deploy: RollingDeploy;
  /** Replicas that answer nobody just now. */
  readonly #silent = new Set<string>();
  readonly #healed: Healed[] = [];

  private constructor(options: TrialOptions, traffic: Traffic) {
    const { mesh, replicas, scale } = options;
    const changing = { ...mesh, replicas, isSilent: (id: string) => this.#silent.has(id) };
    this.#options = options;
    this.#traffic = traffic;
    this.#deploy = new RollingDeploy(changing);
    this.churn = new Churn({
      ...changing,
      services: mesh.churned,
      instances: scale.population.instances,
      perSecond: scale.changesPerSecond,
    });
  }

  /** Starts requests, changes and deployments. */
  static async start(options: TrialOptions): Promise<Trial> {
    const { stage, sides, scale } = options;
    const trial = new Trial(options, await startTraffic(stage, sides, scale.requestsPerSecond));
    stage.onClose(() => trial.churn.stop() as undefined);
    trial.churn.start();
    trial.#deploy.start();
    return trial;
  }

  /** One fault, from calm to calm. @param silent those that answer nobody meanwhile. */
  async during(
    fault: string,
    silent: readonly Replica[],
    happen: () => Promise<void>,
  ): Promise<void> {
    const { stage, scale, replicas, mesh } = this.#options;
    await delay(scale.calmMs);
    stage.note(`${fault} ...`);
    for (const { id } of silent) this.#silent.add(id);
    this.churn.split();
    await happen();
    this.#silent.clear();
    const limits = { graceMs: GRACE_MS, timeoutMs: scale.agreeTimeoutMs };
    const agreed = await waitUntilAgreed({ ...mesh, replicas }, limits);
    this.churn.healed();
    this.#healed.push({ fault, ...agreed });
    stage.note(
      `  healed: tables agree after ${agreed.tablesMs} ms, watchers after ${agreed.watchersMs} ms`,
    );
    stage.note(
      `  ${mesh.check.shrinks} shrinks, ${mesh.check.resurrected} resurrected so far; watchers at ${JSON.stringify(mesh.crowd.spread())}`,
    );
    for (const line of [...agreed.late, ...agreed.problems]) stage.note(`  ${line}`);
    await waitUntilAllSettled(replicas);
  }

  /** Ends the changes, then the requests, and judges. @param figures more than every trial has. */
  async finish(name: string, figures: Record<string, number> = {}): Promise<Run> {
    this.churn.stop();
    await this.#deploy.stop();
    const end = await this.#waitForTheEnd();
    const report = await this.#traffic.finish();
    const all = { ...this.#figures(report, end), ...figures };
    return runOf(name, all, this.#shortfalls(report, end));
  }

  /** Without changes everything has to be exact; who left without a word has until its lease runs out. */
  async #waitForTheEnd(): Promise<Agreed & { readonly unconfirmed: number }> {
    const { stage, mesh, replicas } = this.#options;
    const unconfirmed = mesh.truth.unconfirmed();
    stage.note(`no more changes; ${unconfirmed.length} instances left without a word`);
    for (const { registrationId } of unconfirmed) mesh.truth.gone(registrationId);
    await delay(GRACE_MS);
    const timeoutMs = unconfirmed.length > 0 ? UNCONFIRMED_TIMEOUT_MS : CONVERGE_LIMIT_MS;
    const agreed = await waitUntilAgreed({ ...mesh, replicas }, { timeoutMs, graceMs: 0 });
    stage.note(`everybody agrees ${agreed.watchersMs} ms later`);
    return { ...agreed, unconfirmed: unconfirmed.length };
  }

  #figures(report: LoadReport, end: Agreed & { readonly unconfirmed: number }) {
    const { check, fleet, crowd } = this.#options.mesh;
    const problems = [...this.#healed, end].flatMap((agreed) => agreed.problems);
    const lost = problems.filter((problem) => problem.includes(" lost ")).length;
    const zombies = problems.filter((problem) => problem.includes(" zombie ")).length;
    return {
      requests: report.requests,
      failed: report.failed,
      lost: lost + fleet.wronged.length,
      resurrected: check.resurrected + zombies,
      converge_ms_max: Math.max(...this.#healed.map(({ tablesMs }) => tablesMs)),
      shrinks: check.shrinks,
      watchers_converge_ms_max: Math.max(...this.#healed.map(({ watchersMs }) => watchersMs)),
      faults: this.#healed.length,
      changes: this.churn.changes,
      replaced_under_load: this.#deploy.replaced,
      left_without_a_word: end.unconfirmed,
      untold_losers: fleet.untoldCount,
      failed_drains: this.churn.failedDrains,
      watcher_connects: crowd.moves,
      requests_per_second: Math.round(report.requests / report.seconds),
      latency_ms_p99: report.latencyMs.p99,
    };
  }

  #shortfalls(report: LoadReport, end: Agreed): string[] {
    const { mesh, scale } = this.#options;
    const { check, fleet } = mesh;
    const late = this.#healed.filter(({ watchersMs }) => watchersMs > CONVERGE_LIMIT_MS);
    return [
      ...failureLines(report),
      ...rateShortfall(report, scale.requestsPerSecond * MIN_RATE_SHARE),
      ...check.lines,
      ...fleet.wronged,
      ...late.map(({ fault, watchersMs }) => `${fault}: agreement only after ${watchersMs} ms`),
      ...[...this.#healed, end].flatMap(({ problems }) => problems),
      ...(fleet.untoldCount === 0 ? [] : [`${fleet.untoldCount} losers of an id were not told`]),
      ...(this.#deploy.replaced > 0 ? [] : ["nothing was replaced under load"]),
    ];
  }
}
