import type { PolicyRevision } from "../core/policies/service-policy.ts";

/** What a shared store held when this server saw it last. */
export interface SavedPolicies {
  /** When the shared store was made: another one with this name is another store. */
  readonly createdMs: number;
  readonly revisions: readonly PolicyRevision[];
}

/** A server's own copy of policies that are kept elsewhere: what it serves while that is out of reach. */
export interface LastGoodPolicies {
  /** `undefined` when there is none that can be used. */
  load(): SavedPolicies | undefined;
  /** Calls may overlap; of those that wait for the disk only the last one is written. @throws MeshError STORAGE_FAILED */
  save(policies: SavedPolicies): Promise<void>;
}
