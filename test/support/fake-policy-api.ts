import { MeshError } from "../../src/core/model/mesh-error.ts";
import type { ServicePolicy } from "../../src/core/policies/service-policy.ts";
import type {
  ChangedPolicy,
  PolicyApi,
  PolicyChangeOptions,
  PolicyListing,
  PolicyName,
} from "../../src/ports/policy-api.ts";

/** Notes what it was asked; what a test put into `present` is there already. */
export class FakePolicyApi implements PolicyApi {
  readonly calls: string[] = [];
  present: PolicyListing[] = [];
  warning = "";

  async apply(policy: ServicePolicy, options: PolicyChangeOptions): Promise<ChangedPolicy> {
    const { namespace, service, balancing } = policy;
    this.calls.push(`apply ${namespace}/${service} ${balancing} ${said(options)}`);
    const isThere = this.present.some(({ policy: one }) => one.service === service);
    if (options.etag === "none" && isThere) throw new MeshError("ETAG_MISMATCH", "it is there");
    return this.#changed(policy);
  }

  async get({ service }: PolicyName): Promise<PolicyListing> {
    const found = this.present.find(({ policy }) => policy.service === service);
    if (found === undefined) throw new MeshError("POLICY_NOT_FOUND", "no policy");
    return found;
  }

  async list(namespace: string): Promise<PolicyListing[]> {
    this.calls.push(`list ${namespace}`);
    return this.present;
  }

  async delete({ namespace, service }: PolicyName, options: PolicyChangeOptions): Promise<void> {
    this.calls.push(`delete ${namespace}/${service} ${said(options)}`);
  }

  async history(): Promise<PolicyListing[]> {
    return this.present;
  }

  async rollback(
    { namespace, service }: PolicyName,
    revision: number,
    options: PolicyChangeOptions,
  ): Promise<ChangedPolicy> {
    this.calls.push(`rollback ${namespace}/${service} ${revision} ${said(options)}`);
    return this.#changed({ namespace, service, balancing: "random" });
  }

  #changed(policy: ServicePolicy): ChangedPolicy {
    return { listing: aListing(policy), warning: this.warning };
  }
}

export function aListing(policy: ServicePolicy, more: Partial<PolicyListing> = {}): PolicyListing {
  return {
    policy,
    etag: "e-7",
    revision: 7,
    changedAtMs: 1_700_000_000_000,
    changedBy: "ann",
    isDeleted: false,
    ...more,
  };
}

function said({ etag, isValidateOnly, requestId }: PolicyChangeOptions): string {
  return `"${etag}"${isValidateOnly ? " dry" : ""} ${requestId}`;
}
