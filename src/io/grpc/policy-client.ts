import { MeshError } from "../../core/model/mesh-error.ts";
import type { Policy, PolicyServiceClient } from "../../gen/weir/v1/policy.ts";
import type { ChangedPolicy, PolicyApi, PolicyListing } from "../../ports/policy-api.ts";
import { policyForApply, policyListing } from "../wire/policy.ts";
import { allPages, type Call, PAGE_SIZE } from "./api-call.ts";

/** `weir.v1.PolicyService` as the command line calls it. */
export function policyApi(client: PolicyServiceClient, call: Call): PolicyApi {
  return {
    async apply(policy, { etag, isValidateOnly, requestId }) {
      const message = policyForApply(policy, etag);
      const request = { policy: message, validateOnly: isValidateOnly, requestId };
      return changed(await call(client.applyPolicy.bind(client), request));
    },
    async get(name) {
      const { policy } = await call(client.getPolicy.bind(client), { ...name });
      return listing(policy);
    },
    async list(namespace) {
      const all = await allPages(async (pageToken) => {
        const request = { namespace, pageSize: PAGE_SIZE, pageToken };
        const page = await call(client.listPolicies.bind(client), request);
        return { items: page.policies, next: page.nextPageToken };
      });
      return all.map((policy) => policyListing(policy));
    },
    async delete(name, { etag, isValidateOnly, requestId }) {
      const request = { ...name, etag, validateOnly: isValidateOnly, requestId };
      await call(client.deletePolicy.bind(client), request);
    },
    async history(name) {
      const { revisions } = await call(client.listPolicyRevisions.bind(client), { ...name });
      return revisions.map(({ policy, deleted }) => listing(policy, deleted));
    },
    async rollback(name, revision, { etag, isValidateOnly, requestId }) {
      const change = { etag, validateOnly: isValidateOnly, requestId };
      const request = { ...name, ...change, revision: BigInt(revision) };
      return changed(await call(client.rollbackPolicy.bind(client), request));
    },
  };
}

function changed(answer: { policy: Policy | undefined; warning: string }): ChangedPolicy {
  return { listing: listing(answer.policy), warning: answer.warning };
}

/** @throws MeshError PROTOCOL_VIOLATION for an answer without what was asked for. */
function listing(policy: Policy | undefined, isDeleted = false): PolicyListing {
  if (policy !== undefined) return policyListing(policy, isDeleted);
  throw new MeshError("PROTOCOL_VIOLATION", "the control plane answered without a policy");
}
