import { isPolicyName, POLICY_NAMES } from "../balancing/policy.ts";
import type { ServiceDefaults } from "../model/instance.ts";
import { type ServiceKey, serviceKey } from "../model/names.ts";
import { echo } from "../model/text.ts";
import { checkName } from "../model/validate-names.ts";
import { type Violations, violation } from "../model/violations.ts";

/** What an operator decides of a service, over the heads of its instances. */
export interface PolicyOverrides {
  /** How agents balance: a balancing policy's name. */
  readonly balancing: string;
}

/** An operator's settings of one service; each service has at most one. */
export interface ServicePolicy extends PolicyOverrides {
  readonly namespace: string;
  readonly service: string;
}

/** One decision of a service's policy, as it was stored. */
export interface PolicyRevision {
  readonly key: ServiceKey;
  /** `undefined` when this revision took the policy away. */
  readonly policy: ServicePolicy | undefined;
  /** Grows with every change of any policy of the store, from 1. */
  readonly revision: number;
  /** Milliseconds since 1970. */
  readonly changedAtMs: number;
  /** Who changed it, as the server knew them. */
  readonly changedBy: string;
  /** Names one attempt to change, so that a repeated one is recognised. */
  readonly changeId: string;
  /** The term of the leader that took the earlier revisions away, long after the policy itself. */
  readonly clearedInTerm?: number | undefined;
  /** Opaque: which store, and which revision of it. */
  readonly etag: string;
}

/** Revisions of a service that are kept, the present one among them: months of changes by hand. */
export const MAX_REVISIONS = 20;

/** Services with a policy, or with the history of one. Each is a person's decision, and a file store writes all of them each time. */
export const MAX_POLICIES = 2_000;

/** The etag of what must not be there: only creates. */
export const ETAG_OF_NONE = "none";

/** Names a state of a store: a revision counts anew when the store is made anew. */
export function etagOf(storeCreatedMs: number, revision: number): string {
  return `${storeCreatedMs.toString(36)}-${revision}`;
}

export function policyKey({ namespace, service }: ServicePolicy): ServiceKey {
  return serviceKey(namespace, service);
}

/** Everything that is wrong with a policy; `undefined` when nothing is. */
export function policyViolations(policy: ServicePolicy, path: string): Violations {
  const field = (name: string): string => (path === "" ? name : `${path}.${name}`);
  let found = checkName(undefined, field("namespace"), policy.namespace);
  found = checkName(found, field("service"), policy.service);
  if (isPolicyName(policy.balancing)) return found;
  const what = policy.balancing === "" ? "is missing" : `${echo(policy.balancing)} is unknown`;
  return violation(found, field("balancing"), `${what}; use one of ${POLICY_NAMES.join(", ")}`);
}

/** What agents are told: the operator's word where there is one, else the instances'. */
export function outranked(
  said: ServiceDefaults | undefined,
  overrides: PolicyOverrides | undefined,
): ServiceDefaults | undefined {
  if (overrides === undefined) return said;
  // What agents assume of a service that says nothing. Source: PROTOCOL_UNSPECIFIED in types.proto.
  return { protocol: said?.protocol ?? "http1", policy: overrides.balancing };
}

/** True when both say the same, or neither says anything. */
export function isSamePolicy(a: ServicePolicy | undefined, b: ServicePolicy | undefined): boolean {
  return (
    a?.namespace === b?.namespace && a?.service === b?.service && a?.balancing === b?.balancing
  );
}
