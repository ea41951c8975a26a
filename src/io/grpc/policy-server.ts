import { type ServiceKey, serviceKey } from "../../core/model/names.ts";
import { checkRegistrationId } from "../../core/model/validate-names.ts";
import { invalidArgument } from "../../core/model/violations.ts";
import type { ServicePolicy } from "../../core/policies/service-policy.ts";
import type { Policy, PolicyServiceServer } from "../../gen/weir/v1/policy.ts";
import type { Authorizer, Principal, Verb } from "../../ports/authorizer.ts";
import type { PolicyChangeRequest, PolicyService } from "../../ports/policy-service.ts";
import { policyRevisionToWire, policyToWire } from "../wire/policy.ts";
import { wholeNumber } from "../wire/whole-number.ts";
import { authorize } from "./authorize.ts";
import { unary } from "./handler.ts";
import { pageFromWire, serviceNameFromWire } from "./lease-keys.ts";

interface ChangeFields {
  readonly etag: string;
  readonly validateOnly: boolean;
  readonly requestId: string;
}

/** `weir.v1.PolicyService` over the program's policies. */
export function policyHandlers(
  policies: PolicyService,
  authorizer: Authorizer,
): PolicyServiceServer {
  const may = (
    principal: Principal,
    verb: Verb,
    name: { readonly namespace: string; readonly service: string },
  ): ServiceKey => {
    const { namespace, service } = serviceNameFromWire(name);
    authorize(authorizer, principal, verb, namespace, service);
    return serviceKey(namespace, service);
  };
  return {
    applyPolicy: unary(async ({ policy, ...request }, { principal }) => {
      const wanted = policyFromWire(policy);
      authorize(authorizer, principal, "policy", wanted.namespace, wanted.service);
      const change = changeFromWire({ ...request, etag: policy?.etag ?? "" }, principal);
      const stored = await policies.apply(wanted, change);
      return { policy: policyToWire(stored), warning: policies.warning };
    }),
    getPolicy: unary((request, { principal }) => {
      const key = may(principal, "list", request);
      return { policy: policyToWire(policies.get(key)) };
    }),
    listPolicies: unary((request, { principal }) => {
      authorize(authorizer, principal, "list", request.namespace || "*", "*");
      const page = policies.list(request.namespace, pageFromWire(request));
      return { policies: page.items.map(policyToWire), nextPageToken: page.nextPageToken };
    }),
    deletePolicy: unary(async (request, { principal }) => {
      const key = may(principal, "policy", request);
      await policies.delete(key, changeFromWire(request, principal));
      return {};
    }),
    listPolicyRevisions: unary(async (request, { principal }) => {
      const key = may(principal, "list", request);
      const history = await policies.history(key);
      return { revisions: history.map(policyRevisionToWire) };
    }),
    rollbackPolicy: unary(async (request, { principal }) => {
      const key = may(principal, "policy", request);
      const change = changeFromWire(request, principal);
      const revision = wholeNumber(request.revision, "revision");
      const stored = await policies.rollback(key, revision, change);
      return { policy: policyToWire(stored), warning: policies.warning };
    }),
  };
}

/** @throws MeshError INVALID_ARGUMENT naming the field; what the settings say is checked where they are stored. */
function policyFromWire(message: Policy | undefined): ServicePolicy {
  if (message === undefined) {
    throw invalidArgument([{ field: "policy", description: "is missing; say what should hold" }]);
  }
  return { ...serviceNameFromWire(message, "policy."), balancing: message.balancing };
}

/** @throws MeshError INVALID_ARGUMENT */
function changeFromWire(
  { etag, validateOnly, requestId }: ChangeFields,
  principal: Principal,
): PolicyChangeRequest {
  const violations = checkRegistrationId(undefined, "request_id", requestId);
  if (violations !== undefined) throw invalidArgument(violations);
  return { etag, isValidateOnly: validateOnly, requestId, changedBy: principal.name };
}
