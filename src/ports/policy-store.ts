import type { ServiceKey } from "../core/model/names.ts";
import type { PolicyRevision, ServicePolicy } from "../core/policies/service-policy.ts";
import type { PolicyClearing } from "./policy-clearing.ts";

/** One decision to store. */
export interface PolicyChange {
  readonly key: ServiceKey;
  /** `undefined` takes the policy away. */
  readonly policy: ServicePolicy | undefined;
  /** Compared and set as one step: an etag, `none` for what must not be there, `""` for whatever is there. */
  readonly expected: string;
  readonly changedBy: string;
  /** The same for a repeated attempt, which then changes nothing more. */
  readonly changeId: string;
}

/**
 * `disconnected`: from NATS. `no-jetstream`: it is off. `no-quorum`: too few servers of it answer.
 * `replaced`: another store is in the place of the one that is known. `forbidden`: we may not use it.
 */
export type PolicyProblemKind =
  | "disconnected"
  | "no-jetstream"
  | "no-quorum"
  | "replaced"
  | "forbidden"
  | "other";

/** Who keeps the policies of a cluster, as of the last look. */
export interface PolicyCopies {
  readonly wanted: number;
  /** Up to date, the leader among them. */
  readonly current: number;
  /** Servers that are known: could more of them keep a copy? */
  readonly serverCount: number;
}

export interface PolicyStoreState {
  readonly kind: "memory" | "file" | "nats";
  /** A path, a bucket; `""` for memory. */
  readonly where: string;
  /** Whether writes can succeed now. */
  readonly isWritable: boolean;
  /** What an operator should know, with what to do; `""` when all is well. */
  readonly problem: string;
  /** When there is a problem. */
  readonly problemKind?: PolicyProblemKind;
  /** When others keep them, and said so. */
  readonly copies?: PolicyCopies;
  /** What whoever writes should know of this kind of store; `""` when there is nothing. */
  readonly note: string;
}

/**
 * Policies of operators. Reads come from memory and never wait for anybody; a write has happened,
 * durably as far as the kind of store goes, when its promise resolves. Nothing is ever taken back
 * by itself: who cannot write says so.
 */
export interface PolicyStore {
  readonly state: PolicyStoreState;
  /** What holds now, in the order of keys. */
  list(): readonly PolicyRevision[];
  /** What holds now for a service. */
  get(key: ServiceKey): PolicyRevision | undefined;
  /** @throws MeshError ETAG_MISMATCH, LIMIT_REACHED, STORAGE_FAILED */
  write(change: PolicyChange): Promise<PolicyRevision>;
  /** The last revisions, newest first. @throws MeshError STORAGE_FAILED */
  history(key: ServiceKey): Promise<readonly PolicyRevision[]>;
  /** Told, after each change of what holds, whoever made it. @returns stops it. */
  watch(listener: (key: ServiceKey) => void): () => void;
  /** Where others share the store, and one of them clears it. */
  readonly clearing?: PolicyClearing | undefined;
  /** Waits for writes under way. */
  close(): Promise<void>;
}
