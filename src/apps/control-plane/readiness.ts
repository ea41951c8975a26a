import {
  degradedBy,
  type ReadinessCheck,
  readinessCheck,
} from "../../core/model/readiness-check.ts";
import type { ClusterStatus, ServerResources, ServerStatus } from "../../ports/registry-service.ts";

/**
 * A replica that cannot catch up with its peers serves what it has from then on: agents keep what an
 * unsettled replica does not list, and nobody ready is worse than somebody behind.
 */
export const READY_AT_LATEST_MS = 30_000;

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
      readinessCheck(
        "serving",
        isDraining ? "failing" : "ok",
        isDraining ? "it is shutting down" : "",
      ),
      readinessCheck(
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

const UNSETTLED =
  "it started a moment ago and has not heard everybody; agents remove nothing without a cause";

function busCheck(cluster: ClusterStatus | undefined): ReadinessCheck {
  if (cluster === undefined) return readinessCheck("bus", "ok", "none: this replica runs alone");
  const { bus, busForMs } = cluster;
  if (bus.isConnected) return readinessCheck("bus", "ok", "");
  const seconds = Math.round(busForMs / 1_000);
  const problem = bus.lastProblem?.message ?? "NATS has not answered yet";
  return readinessCheck("bus", "degraded", `not connected for ${seconds} s: ${problem}`);
}

/** What else does not work: the journal, the snapshot, what was found at the start. */
function diskTrouble({ degraded }: ServerStatus, policyProblem: string): string {
  return degraded.filter((what) => what !== policyProblem).join("; ");
}
