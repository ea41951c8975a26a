import { TermGate } from "../leadership/term-gate.ts";
import { MeshError } from "../model/mesh-error.ts";
import type { ServiceKey } from "../model/names.ts";
import {
  ETAG_OF_NONE,
  MAX_POLICIES,
  MAX_REVISIONS,
  type PolicyRevision,
} from "./service-policy.ts";

/** The policies of a store with their last revisions. Revisions arrive in any order; the newest counts. */
export class PolicyBook {
  /** Newest first. */
  readonly #histories = new Map<ServiceKey, readonly PolicyRevision[]>();
  #lastRevision = 0;
  readonly #terms = new TermGate();

  get lastRevision(): number {
    return this.#lastRevision;
  }

  /** What holds now; `undefined` when there is no policy. */
  get(key: ServiceKey): PolicyRevision | undefined {
    const newest = this.#histories.get(key)?.[0];
    return newest?.policy === undefined ? undefined : newest;
  }

  /** What was decided last, also when that took the policy away. */
  newest(key: ServiceKey): PolicyRevision | undefined {
    return this.#histories.get(key)?.[0];
  }

  /** Policies that hold now, in the order of their keys. */
  list(): PolicyRevision[] {
    return [...this.#histories.values()]
      .flatMap(([newest]) => (newest?.policy === undefined ? [] : [newest]))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** Newest first; empty for what never had a policy, or whose history is cleared. */
  history(key: ServiceKey): readonly PolicyRevision[] {
    const kept = this.#histories.get(key) ?? [];
    return kept.filter(({ clearedInTerm }) => clearedInTerm === undefined);
  }

  /** For each service that was decided of, what was decided last. */
  latest(): PolicyRevision[] {
    return [...this.#histories.values()].flatMap(([newest]) => newest ?? []);
  }

  /** The newest term of a leader whose word was heard. */
  get highestTerm(): number {
    return this.#terms.highest;
  }

  /** Every revision that is kept, oldest first: told again in this order, the later of two leaders counts again. */
  revisions(): PolicyRevision[] {
    return [...this.#histories.values()].flat().sort((a, b) => a.revision - b.revision);
  }

  /** @returns whether another policy may hold now than before. */
  record(revision: PolicyRevision): boolean {
    const { key } = revision;
    const former = this.#histories.get(key) ?? [];
    this.#lastRevision = Math.max(this.#lastRevision, revision.revision);
    if (former.some((one) => one.revision === revision.revision)) return false;
    const admitted = this.#admitted(revision);
    const all = [...former, admitted].sort((a, b) => b.revision - a.revision);
    const cleared = all.findIndex(({ clearedInTerm }) => clearedInTerm !== undefined);
    const end = cleared < 0 ? MAX_REVISIONS : Math.min(cleared + 1, MAX_REVISIONS);
    this.#histories.set(key, all.slice(0, end));
    return all[0] === admitted;
  }

  /** A former leader takes nothing away: of its word only stays that there is no policy. */
  #admitted(revision: PolicyRevision): PolicyRevision {
    const { clearedInTerm, ...rest } = revision;
    return clearedInTerm === undefined || this.#terms.admits(clearedInTerm) ? revision : rest;
  }

  /**
   * Whether a change may happen to what is here now.
   * @param expected an etag, `ETAG_OF_NONE`, or `""` for whatever is there.
   * @throws MeshError ETAG_MISMATCH, LIMIT_REACHED
   */
  admit(key: ServiceKey, expected: string): void {
    const present = this.get(key);
    if (expected !== "" && expected !== (present?.etag ?? ETAG_OF_NONE)) {
      throw etagMismatch(key, expected, present);
    }
    const isCounted = this.newest(key)?.clearedInTerm === undefined && this.#histories.has(key);
    if (isCounted || this.#countedServices() < MAX_POLICIES) return;
    const description = `this store holds policies of ${MAX_POLICIES} services, which is its limit`;
    throw new MeshError("LIMIT_REACHED", `${description}; settle others at their instances`, {
      quota: { subject: "policies", description },
    });
  }

  /** What is left of a cleared one is a few words. */
  #countedServices(): number {
    return this.latest().filter(({ clearedInTerm }) => clearedInTerm === undefined).length;
  }
}

/** Somebody else was faster, or the caller never read the policy. */
export function etagMismatch(
  key: ServiceKey,
  expected: string,
  present: PolicyRevision | undefined,
): MeshError {
  const what = whatChanged(key, expected, present);
  const fix = "read it again, decide again, and send the etag that you read then";
  return new MeshError("ETAG_MISMATCH", `${what}; ${fix}`, {
    info: { key, expected, etag: present?.etag ?? ETAG_OF_NONE },
  });
}

function whatChanged(
  key: ServiceKey,
  expected: string,
  present: PolicyRevision | undefined,
): string {
  if (present === undefined) return `the policy of ${key} is not there any more`;
  if (expected === ETAG_OF_NONE) return `${key} has a policy already, by ${present.changedBy}`;
  return `the policy of ${key} was changed by ${present.changedBy} after it was read`;
}
