import { splitServiceKey } from "../../core/model/names.ts";
import type { PolicyRevision, ServicePolicy } from "../../core/policies/service-policy.ts";
import type { Policy, PolicyRevision as PolicyRevisionMessage } from "../../gen/weir/v1/policy.ts";
import type { PolicyListing } from "../../ports/policy-api.ts";
import { wholeNumber } from "./whole-number.ts";

export function policyToWire(revision: PolicyRevision): Policy {
  const { namespace, service } = splitServiceKey(revision.key);
  return {
    namespace,
    service,
    balancing: revision.policy?.balancing ?? "",
    etag: revision.policy === undefined ? "" : revision.etag,
    revision: BigInt(revision.revision),
    changedAt: revision.changedAtMs === 0 ? undefined : new Date(revision.changedAtMs),
    changedBy: revision.changedBy,
  };
}

export function policyRevisionToWire(revision: PolicyRevision): PolicyRevisionMessage {
  return { policy: policyToWire(revision), deleted: revision.policy === undefined };
}

/** What a client wants; the server's own fields are for its answers only. */
export function policyForApply(policy: ServicePolicy, etag: string): Policy {
  return { ...policy, etag, revision: 0n, changedAt: undefined, changedBy: "" };
}

/** A policy as a client shows it. */
export function policyListing(message: Policy, isDeleted = false): PolicyListing {
  const { namespace, service, balancing, etag, changedBy } = message;
  return {
    policy: { namespace, service, balancing },
    etag,
    revision: wholeNumber(message.revision, "revision"),
    changedAtMs: message.changedAt?.getTime() ?? 0,
    changedBy,
    isDeleted,
  };
}
