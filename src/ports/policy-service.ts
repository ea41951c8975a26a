import type { ServiceKey } from "../core/model/names.ts";
import type { PolicyRevision, ServicePolicy } from "../core/policies/service-policy.ts";
import type { Page, PageRequest } from "./registry-service.ts";

/** How a change is to happen. */
export interface PolicyChangeRequest {
  /** An etag, `none` for what must not be there, `""` for whatever is there. */
  readonly etag: string;
  /** Answers what would happen, and changes nothing. */
  readonly isValidateOnly: boolean;
  /** The same for a repeated attempt; `""` for a new one. */
  readonly requestId: string;
  readonly changedBy: string;
}

/** Policies as the API offers them. */
export interface PolicyService {
  /** @throws MeshError INVALID_ARGUMENT, ETAG_MISMATCH, LIMIT_REACHED, STORAGE_FAILED */
  apply(policy: ServicePolicy, request: PolicyChangeRequest): Promise<PolicyRevision>;
  /** @throws MeshError POLICY_NOT_FOUND */
  get(key: ServiceKey): PolicyRevision;
  /** Of one namespace, or of all with `""`. */
  list(namespace: string, page: PageRequest): Page<PolicyRevision>;
  /** @throws MeshError POLICY_NOT_FOUND, ETAG_MISMATCH, STORAGE_FAILED */
  delete(key: ServiceKey, request: PolicyChangeRequest): Promise<void>;
  /** Newest first. @throws MeshError POLICY_NOT_FOUND, STORAGE_FAILED */
  history(key: ServiceKey): Promise<readonly PolicyRevision[]>;
  /** Stores what an earlier revision said as a new one. @throws MeshError as `apply` and `history` */
  rollback(
    key: ServiceKey,
    revision: number,
    request: PolicyChangeRequest,
  ): Promise<PolicyRevision>;
  /** What whoever changes something should know of where it is kept; `""` when all is well. */
  readonly warning: string;
}
