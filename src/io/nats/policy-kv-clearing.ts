import type { PolicyBook } from "../../core/policies/policy-book.ts";
import { etagOf, type PolicyRevision } from "../../core/policies/service-policy.ts";
import type { PolicyClearing } from "../../ports/policy-clearing.ts";
import type { PolicyBucket } from "./policy-bucket.ts";

/** How a leader clears policies in JetStream: it replaces a history by its last word, with the term. */
export function policyClearing(of: {
  readonly book: PolicyBook;
  /** The bucket, compared with what is known here just now. @throws MeshError STORAGE_FAILED */
  verified(): Promise<PolicyBucket>;
  learned(revision: PolicyRevision): void;
}): PolicyClearing {
  const { book } = of;
  return {
    latest: () => book.latest(),
    async clear({ etag: _, ...over }, term) {
      const bucket = await of.verified();
      // The word of a later leader arrived here, so this one leads no more.
      if (term < book.highestTerm) return false;
      const cleared = { ...over, changeId: "", clearedInTerm: term };
      const revision = await bucket.putAlone(cleared, over.revision);
      if (revision === undefined) return false;
      of.learned({ ...cleared, revision, etag: etagOf(bucket.createdMs, revision) });
      return true;
    },
  };
}
