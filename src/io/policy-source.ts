import { existsSync } from "node:fs";
import { join } from "node:path";
import { MeshError } from "../core/model/mesh-error.ts";
import type { Clock } from "../ports/clock.ts";
import type { LastGoodPolicies } from "../ports/last-good-policies.ts";
import type { Log } from "../ports/log.ts";
import type { PolicyStore } from "../ports/policy-store.ts";
import { lastGoodPolicyFile } from "./file/last-good-policies.ts";
import { openPolicyFile } from "./file/policy-store.ts";
import { memoryPolicyStore } from "./local-policy-store.ts";
import { PolicyKv, type PolicyKvOptions } from "./nats/policy-kv.ts";

/** Of a single server. */
const OWN_FILE = "policies";

/** Of a server whose policies are in NATS. */
const COPY_FILE = "policies-last-good";

export interface PolicySourceOptions {
  readonly stateDir: string | undefined;
  /** Where a cluster keeps them; left out by a single server. */
  readonly cluster?: Omit<PolicyKvOptions, "lastGood" | "log" | "clock">;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The one place where this server's policies come from. The lock of the state directory, which the
 * registry's store holds, keeps other processes off them too.
 * @throws MeshError INVALID_ARGUMENT when policies of two places lie there: either may be what the operator
 * believes in, and nobody should find out by watching requests.
 */
export function openPolicies({ stateDir, cluster, clock, log }: PolicySourceOptions): PolicyStore {
  const own = stateDir === undefined ? undefined : join(stateDir, OWN_FILE);
  const copy = stateDir === undefined ? undefined : join(stateDir, COPY_FILE);
  if (cluster !== undefined) {
    if (own !== undefined && existsSync(own)) throw alsoOwn(own);
    const lastGood = copy === undefined ? NO_COPY : copyAt(copy, log);
    return new PolicyKv({ ...cluster, lastGood, clock, log });
  }
  if (copy !== undefined && existsSync(copy)) throw alsoCluster(copy);
  return own === undefined ? memoryPolicyStore(clock) : openPolicyFile(own, clock);
}

const NO_COPY: LastGoodPolicies = { load: () => undefined, save: async () => undefined };

function copyAt(path: string, log: Log): LastGoodPolicies {
  return lastGoodPolicyFile(path, (reason) => log.warn({}, reason));
}

function alsoOwn(path: string): MeshError {
  return new MeshError(
    "INVALID_ARGUMENT",
    `policies have two sources: ${path}, of the time when this server was alone, and NATS. Move the file away, start, and copy what it holds with \`weir policy import\` and its new path`,
  );
}

function alsoCluster(path: string): MeshError {
  return new MeshError(
    "INVALID_ARGUMENT",
    `${path} holds policies of a cluster, which this server is told nothing of: name its NATS servers again. To go on alone, move the file away, start, and copy what it holds with \`weir policy import\` and its new path`,
  );
}
