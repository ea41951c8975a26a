import { z } from "zod";
import { serviceKey } from "../../core/model/names.ts";
import { etagOf, type PolicyRevision } from "../../core/policies/service-policy.ts";

/** How a revision stands in stores. What a later version adds is dropped by this one. */
const stored = z.object({
  namespace: z.string().min(1).max(63),
  service: z.string().min(1).max(63),
  /** `null` when this revision took the policy away. */
  policy: z.object({ balancing: z.string().max(64) }).nullable(),
  changedAtMs: z.number(),
  changedBy: z.string().max(256),
  changeId: z.string().max(128),
  /** Of the leader that took the earlier revisions away. */
  clearedInTerm: z.number().int().positive().optional(),
});

const book = z.object({
  createdMs: z.number().int().nonnegative(),
  revisions: z.array(stored.extend({ revision: z.number().int().positive() })),
});

type StoredRevision = z.infer<typeof stored>;

/** All of a store, as a file holds it. */
export function bookToJson(createdMs: number, revisions: readonly PolicyRevision[]): string {
  const all = revisions.map((one) => ({ revision: one.revision, ...toStored(one) }));
  return JSON.stringify({ createdMs, revisions: all });
}

/** @throws Error for what is no book. */
export function bookFromJson(text: string): {
  readonly createdMs: number;
  readonly revisions: readonly PolicyRevision[];
} {
  const { createdMs, revisions } = book.parse(JSON.parse(text));
  return {
    createdMs,
    revisions: revisions.map((one) => fromStored(one, one.revision, createdMs)),
  };
}

/** One revision, as a shared store holds it: the store itself gives its number. */
export function revisionToJson(revision: Omit<PolicyRevision, "revision" | "etag">): string {
  return JSON.stringify(toStored(revision));
}

/** @throws Error for what is no revision. */
export function revisionFromJson(
  text: string,
  revision: number,
  storeCreatedMs: number,
): PolicyRevision {
  return fromStored(stored.parse(JSON.parse(text)), revision, storeCreatedMs);
}

function toStored(revision: Omit<PolicyRevision, "revision" | "etag">): StoredRevision {
  const { key, policy, changedAtMs, changedBy, changeId, clearedInTerm } = revision;
  const [namespace = "", service = ""] = key.split("/");
  return {
    namespace,
    service,
    policy: policy === undefined ? null : { balancing: policy.balancing },
    changedAtMs,
    changedBy,
    changeId,
    clearedInTerm,
  };
}

function fromStored(
  { namespace, service, policy, clearedInTerm, ...by }: StoredRevision,
  revision: number,
  createdMs: number,
): PolicyRevision {
  return {
    key: serviceKey(namespace, service),
    policy: policy === null ? undefined : { namespace, service, balancing: policy.balancing },
    revision,
    changedAtMs: by.changedAtMs,
    changedBy: by.changedBy,
    changeId: by.changeId,
    ...(clearedInTerm !== undefined && { clearedInTerm }),
    etag: etagOf(createdMs, revision),
  };
}
