import { MeshError } from "../../core/model/mesh-error.ts";
import { splitServiceKey } from "../../core/model/names.ts";
import type { InstanceRecord } from "../../core/registry/record.ts";
import type { LeaseKey, Registry } from "../../core/registry/registry.ts";

/** When a replica that has just started has mostly heard of everything. */
const SYNC_RETRY_MS = 1_000;

/** The record that a lease names. @throws MeshError SUPERSEDED, INSTANCE_NOT_FOUND, or NOT_SYNCED while nobody can know */
export function findRecord(registry: Registry, lease: LeaseKey, isSynced: boolean): InstanceRecord {
  const record = registry.find(lease);
  if (record !== undefined) return record;
  const name = `${lease.service}/${lease.instanceId}`;
  if (registry.whyMissing(lease) === "superseded") {
    const holder = registry.find({ ...lease, registrationId: "" });
    throw new MeshError(
      "SUPERSEDED",
      `registration ${lease.registrationId} of ${name} ended; ${holder === undefined ? "nobody" : `registration ${holder.instance.registrationId}`} holds the id now`,
    );
  }
  if (!isSynced) throw notSynced(name);
  throw new MeshError(
    "INSTANCE_NOT_FOUND",
    `there is no instance ${name}; \`weir endpoints ${splitServiceKey(lease.service).service}\` lists those that exist`,
  );
}

/** Nobody may be told that something does not exist by a replica that has not heard everybody. */
export function notSynced(name: string): MeshError {
  return new MeshError(
    "NOT_SYNCED",
    `this replica does not know ${name}, and has not heard everything of the others yet; ask again, or ask another replica`,
    { retryAfterMs: SYNC_RETRY_MS },
  );
}
