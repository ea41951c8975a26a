import { MeshError } from "../../core/model/mesh-error.ts";
import type { Authorizer, Principal, Verb } from "../../ports/authorizer.ts";

/** @throws MeshError PERMISSION_DENIED with the authorizer's sentence. */
export function authorize(
  authorizer: Authorizer,
  principal: Principal,
  verb: Verb,
  namespace: string,
  service: string,
): void {
  const refusal = authorizer.refusal(principal, verb, namespace, service);
  if (refusal === undefined) return;
  throw new MeshError("PERMISSION_DENIED", refusal, {
    info: { verb, namespace, service, principal: principal.name },
  });
}

/** Lets everybody do everything: for a listener that only this machine reaches. */
export const allowAll: Authorizer = { refusal: () => undefined };
