import { MeshError } from "../../core/model/mesh-error.ts";
import type { ServiceKey } from "../../core/model/names.ts";
import { invalidArgument } from "../../core/model/violations.ts";
import { etagMismatch } from "../../core/policies/policy-book.ts";
import {
  ETAG_OF_NONE,
  isSamePolicy,
  type PolicyRevision,
  policyKey,
  policyViolations,
  type ServicePolicy,
} from "../../core/policies/service-policy.ts";
import type { PolicyChangeRequest, PolicyService } from "../../ports/policy-service.ts";
import type { PolicyStore, PolicyStoreState } from "../../ports/policy-store.ts";
import type { Page, PageRequest } from "../../ports/registry-service.ts";
import type { DiscoveryHub } from "./discovery-hub.ts";
import { pageOf } from "./page.ts";

/** What operators decided of services: where it is kept, and how agents get to know. */
export class Policies implements PolicyService {
  readonly #store: PolicyStore;
  readonly #unwatch: () => void;

  constructor(store: PolicyStore, hub: DiscoveryHub) {
    this.#store = store;
    for (const { key, policy } of store.list()) hub.overrule(key, policy);
    this.#unwatch = store.watch((key) => {
      hub.overrule(key, store.get(key)?.policy);
      hub.publish();
    });
  }

  /** What does not work, in words; `""` when all does. */
  get problem(): string {
    return this.#store.state.problem;
  }

  get store(): PolicyStoreState {
    return this.#store.state;
  }

  get warning(): string {
    return this.problem || this.#store.state.note;
  }

  async apply(policy: ServicePolicy, request: PolicyChangeRequest): Promise<PolicyRevision> {
    const violations = policyViolations(policy, "policy");
    if (violations !== undefined) throw invalidArgument(violations);
    return this.#change(policyKey(policy), policy, request);
  }

  get(key: ServiceKey): PolicyRevision {
    const found = this.#store.get(key);
    if (found === undefined) throw noPolicy(key);
    return found;
  }

  list(namespace: string, page: PageRequest): Page<PolicyRevision> {
    const all = this.#store.list();
    const asked = all.filter(({ policy }) => namespace === "" || policy?.namespace === namespace);
    return pageOf(asked, ({ key }) => key, page);
  }

  async delete(key: ServiceKey, request: PolicyChangeRequest): Promise<void> {
    // A repeated attempt finds nothing any more; the store knows it by its id.
    const isRepeat = await this.#isRepeat(key, request);
    if (!isRepeat && this.#store.get(key) === undefined) throw noPolicy(key);
    if (!isRepeat) await this.#change(key, undefined, request);
  }

  async history(key: ServiceKey): Promise<readonly PolicyRevision[]> {
    const history = await this.#store.history(key);
    if (history.length === 0) throw noPolicy(key);
    return history;
  }

  async rollback(
    key: ServiceKey,
    revision: number,
    request: PolicyChangeRequest,
  ): Promise<PolicyRevision> {
    const history = await this.history(key);
    const found = history.find((one) => one.revision === revision);
    if (found?.policy !== undefined) return this.apply(found.policy, request);
    const what = found === undefined ? "is not kept" : "took the policy away";
    throw new MeshError(
      "POLICY_NOT_FOUND",
      `revision ${revision} of the policy of ${key} ${what}; \`weir policy history\` lists those that are there`,
    );
  }

  async close(): Promise<void> {
    this.#unwatch();
    await this.#store.close();
  }

  async #isRepeat(key: ServiceKey, { requestId }: PolicyChangeRequest): Promise<boolean> {
    if (requestId === "") return false;
    return (await this.#store.history(key))[0]?.changeId === requestId;
  }

  async #change(
    key: ServiceKey,
    policy: ServicePolicy | undefined,
    { etag, isValidateOnly, requestId, changedBy }: PolicyChangeRequest,
  ): Promise<PolicyRevision> {
    const present = this.#store.get(key);
    const isFresh = etag === "" || etag === (present?.etag ?? ETAG_OF_NONE);
    // What is there already needs no revision: applying the same files each hour fills no history.
    const isSame = isFresh && present !== undefined && isSamePolicy(present.policy, policy);
    if (isSame) return present;
    if (isValidateOnly) {
      if (!isFresh) throw etagMismatch(key, etag, present);
      const changedAtMs = present?.changedAtMs ?? 0;
      const revision = present?.revision ?? 0;
      return {
        key,
        policy,
        revision,
        changedAtMs,
        changedBy,
        changeId: "",
        etag: present?.etag ?? "",
      };
    }
    const changeId = requestId === "" ? crypto.randomUUID() : requestId;
    return this.#store.write({ key, policy, expected: etag, changedBy, changeId });
  }
}

function noPolicy(key: ServiceKey): MeshError {
  return new MeshError(
    "POLICY_NOT_FOUND",
    `${key} has no policy; \`weir policy apply\` gives it one`,
  );
}
