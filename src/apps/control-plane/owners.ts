import type { LeaseKey } from "../../core/registry/registry.ts";
import type { LeaseOutcome } from "../../core/replication/calls.ts";
import type { MemberView } from "../../core/replication/member.ts";

/** The other replicas, as those need them who change what another one owns. */
export interface Owners {
  /** True when this replica knows what those that are heard own. */
  readonly isSynced: boolean;
  members(): readonly MemberView[];
  /** @returns one outcome for each; `undefined` when it cannot be asked, or does not answer */
  renew(
    replicaId: string,
    leases: readonly LeaseKey[],
  ): Promise<readonly LeaseOutcome[] | undefined>;
  /**
   * Journaled there before it resolves.
   * @returns `undefined` when it cannot be asked, or does not answer
   * @throws MeshError when it answers that it could not
   */
  setDraining(
    replicaId: string,
    lease: LeaseKey,
    isDraining: boolean,
  ): Promise<{ readonly outcome: LeaseOutcome; readonly operatorRevision: number } | undefined>;
}

/** A replica alone owns everything. */
export const NO_OWNERS: Owners = {
  isSynced: true,
  members: () => [],
  renew: () => Promise.resolve(undefined),
  setDraining: () => Promise.resolve(undefined),
};
