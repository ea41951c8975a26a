import type { ServicePolicy } from "../core/policies/service-policy.ts";

/** A policy, or one of its revisions, as the control plane tells it. */
export interface PolicyListing {
  readonly policy: ServicePolicy;
  /** Opaque; empty for a deletion. */
  readonly etag: string;
  readonly revision: number;
  /** Milliseconds since 1970; 0 when unknown. */
  readonly changedAtMs: number;
  readonly changedBy: string;
  /** Whether this revision took the policy away. */
  readonly isDeleted: boolean;
}

/** Whose policy. */
export interface PolicyName {
  readonly namespace: string;
  readonly service: string;
}

export interface PolicyChangeOptions {
  /** The state that was read; empty takes whatever is there, `none` only creates. */
  readonly etag: string;
  readonly isValidateOnly: boolean;
  /** The same for a repeated attempt. */
  readonly requestId: string;
}

export interface ChangedPolicy {
  readonly listing: PolicyListing;
  /** What the operator should know; empty when all is well. */
  readonly warning: string;
}

/** Policies as a person at a terminal needs them. Every method rejects with a MeshError that says what to do. */
export interface PolicyApi {
  apply(policy: ServicePolicy, options: PolicyChangeOptions): Promise<ChangedPolicy>;
  get(name: PolicyName): Promise<PolicyListing>;
  /** All pages. @param namespace empty for every namespace. */
  list(namespace: string): Promise<PolicyListing[]>;
  delete(name: PolicyName, options: PolicyChangeOptions): Promise<void>;
  /** Newest first. */
  history(name: PolicyName): Promise<PolicyListing[]>;
  rollback(
    name: PolicyName,
    revision: number,
    options: PolicyChangeOptions,
  ): Promise<ChangedPolicy>;
}
