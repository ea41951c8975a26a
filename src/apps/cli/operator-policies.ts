import { MeshError, type MeshErrorCode } from "../../core/model/mesh-error.ts";
import { type ServiceKey, serviceKey } from "../../core/model/names.ts";
import { policyKey } from "../../core/policies/service-policy.ts";
import type { ControlPlaneApi } from "../../ports/control-plane-api.ts";

/** What an operator decided outranks what instances say. */
export interface OperatorPolicies {
  /** `undefined` when nobody decided. */
  of(name: { readonly namespace: string; readonly service: string }): string | undefined;
}

/** A server that is too old has none, and who may look at services may not look at policies everywhere. */
const NONE_TO_SHOW: ReadonlySet<MeshErrorCode> = new Set(["UNIMPLEMENTED", "PERMISSION_DENIED"]);

/** How operators let services be balanced. @param namespace empty for every namespace. */
export async function operatorPolicies(
  api: ControlPlaneApi,
  namespace: string,
): Promise<OperatorPolicies> {
  const balancing = new Map<ServiceKey, string>();
  try {
    for (const { policy } of await api.policies.list(namespace)) {
      balancing.set(policyKey(policy), policy.balancing);
    }
  } catch (error) {
    if (!(error instanceof MeshError) || !NONE_TO_SHOW.has(error.code)) throw error;
  }
  return { of: ({ namespace: space, service }) => balancing.get(serviceKey(space, service)) };
}
