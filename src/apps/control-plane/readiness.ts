import type { ClusterStatus, ServerResources, ServerStatus } from "../../ports/registry-service.ts";

/**
 * A replica that cannot catch up with its peers serves what it has from then on: agents keep what an
 * unsettled replica does not list, and nobody ready is worse than somebody behind.
 */
export const READY_AT_LATEST_MS = 30_000;

/** One line of `/readyz?verbose`. `degraded` is worth knowing, and no reason to send clients elsewhere. */
export interface ReadinessCheck {
  readonly name: string;
  readonly state: "ok" | "degraded" | "failing";
  /** What it is, and why; `""` when there is nothing to say. */
  readonly why: string;
}

export interface ReadinessFacts {
  readonly isDraining: boolean;
  readonly status: ServerStatus;
  /** `undefined` for a replica that runs alone. */
  readonly cluster: ClusterStatus | undefined;
}

/**
 * Whether clients should be sent to this replica. A replica of a cluster is ready once it has caught up
 * with those that it hears, for the first time: NATS may be gone before or after, its absence delays a
 * start by ten seconds. What it cannot do for now without hurting anybody who asks makes it degraded.
 */
export class Readiness {
  #wasSynced = false;

  /** What decides: asks nobody, for probes that come every second. */
  gates({ isDraining, status, cluster }: ReadinessFacts): ReadinessCheck[] {
    const isSynced = cluster?.isSynced ?? true;
    this.#wasSynced ||= isSynced || status.isSettled || status.uptimeMs >= READY_AT_LATEST_MS;
    return [
      check("serving", isDraining ? "failing" : "ok", isDraining ? "it is shutting down" : ""),
      check(
        "synced",
        isSynced ? "ok" : this.#unsynced(),
        isSynced ? "" : "records of its peers are missing",
      ),
    ];
  }

  /** Those that decide, and what is worth knowing. */
  checks(
    facts: ReadinessFacts,
    { stateDirectory, policyStore }: Pick<ServerResources, "stateDirectory" | "policyStore">,
  ): ReadinessCheck[] {
    const { status, cluster } = facts;
    const frozen = status.frozen.map(({ scope, reason }) => `${scope}: ${reason}`).join("; ");
    return [
      ...this.gates(facts),
      degradedBy("settled", status.isSettled ? "" : UNSETTLED),
      busCheck(cluster),
      degradedBy("disk", stateDirectory.problem || diskTrouble(status, policyStore.problem)),
      degradedBy("policies", policyStore.problem),
      degradedBy("expiry", frozen),
    ];
  }

  #unsynced(): "degraded" | "failing" {
    return this.#wasSynced ? "degraded" : "failing";
  }
}

const MARKS = { ok: "+", degraded: "!", failing: "-" } as const;

/** A line for each check, and the verdict. */
export function readinessText(checks: readonly ReadinessCheck[]): string {
  const lines = checks.map(
    ({ name, state, why }) => `[${MARKS[state]}]${name} ${state}${why === "" ? "" : `: ${why}`}`,
  );
  const isReady = checks.every(({ state }) => state !== "failing");
  return `${lines.join("\n")}\n${isReady ? "ready" : "not ready"}\n`;
}

const UNSETTLED =
  "it started a moment ago and has not heard everybody; agents remove nothing without a cause";

function check(name: string, state: ReadinessCheck["state"], why: string): ReadinessCheck {
  return { name, state, why };
}

function degradedBy(name: string, problem: string): ReadinessCheck {
  return check(name, problem === "" ? "ok" : "degraded", problem);
}

function busCheck(cluster: ClusterStatus | undefined): ReadinessCheck {
  if (cluster === undefined) return check("bus", "ok", "none: this replica runs alone");
  const { bus, busForMs } = cluster;
  if (bus.isConnected) return check("bus", "ok", "");
  const seconds = Math.round(busForMs / 1_000);
  const problem = bus.lastProblem?.message ?? "NATS has not answered yet";
  return check("bus", "degraded", `not connected for ${seconds} s: ${problem}`);
}

/** What else does not work: the journal, the snapshot, what was found at the start. */
function diskTrouble({ degraded }: ServerStatus, policyProblem: string): string {
  return degraded.filter((what) => what !== policyProblem).join("; ");
}
