import { MeshError } from "../core/model/mesh-error.ts";
import type { ServiceKey } from "../core/model/names.ts";
import { PolicyBook } from "../core/policies/policy-book.ts";
import { etagOf, type PolicyRevision } from "../core/policies/service-policy.ts";
import type { Clock } from "../ports/clock.ts";
import type { PolicyChange, PolicyStore, PolicyStoreState } from "../ports/policy-store.ts";

/** Writes wait for each other; more than this means a disk that does not answer. */
const MAX_WAITING = 64;

export interface LocalPolicyStoreOptions {
  readonly clock: Clock;
  readonly createdMs: number;
  readonly book: PolicyBook;
  readonly state: PolicyStoreState;
  /** Makes all revisions durable before anybody is told of the newest. */
  persist(revisions: readonly PolicyRevision[]): Promise<void>;
}

/** Policies of a single server: one write after the other, and the book is what holds. */
export class LocalPolicyStore implements PolicyStore {
  readonly #options: LocalPolicyStoreOptions;
  readonly #book: PolicyBook;
  readonly #listeners = new Set<(key: ServiceKey) => void>();
  /** Never rejects. */
  #writing: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #isClosed = false;

  constructor(options: LocalPolicyStoreOptions) {
    this.#options = options;
    this.#book = options.book;
  }

  get state(): PolicyStoreState {
    return this.#options.state;
  }

  list(): readonly PolicyRevision[] {
    return this.#book.list();
  }

  get(key: ServiceKey): PolicyRevision | undefined {
    return this.#book.get(key);
  }

  async history(key: ServiceKey): Promise<readonly PolicyRevision[]> {
    return this.#book.history(key);
  }

  watch(listener: (key: ServiceKey) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async write(change: PolicyChange): Promise<PolicyRevision> {
    if (this.#isClosed) throw new MeshError("DRAINING", "this server is shutting down; try again");
    if (this.#waiting >= MAX_WAITING) {
      const message = `${MAX_WAITING} changes of policies wait for the disk; try again`;
      throw new MeshError("STORAGE_FAILED", message, { retryAfterMs: 1_000 });
    }
    this.#waiting++;
    const written = this.#writing.then(() => this.#write(change));
    this.#writing = written.catch(() => undefined);
    return written.finally(() => this.#waiting--);
  }

  async #write({ key, policy, expected, ...by }: PolicyChange): Promise<PolicyRevision> {
    const newest = this.#book.newest(key);
    if (newest?.changeId === by.changeId) return newest;
    this.#book.admit(key, expected);
    const { clock, createdMs, persist } = this.#options;
    const number = this.#book.lastRevision + 1;
    const revision: PolicyRevision = {
      key,
      policy,
      revision: number,
      changedAtMs: clock.wallMs(),
      changedBy: by.changedBy,
      changeId: by.changeId,
      etag: etagOf(createdMs, number),
    };
    await persist([...this.#book.revisions(), revision]);
    this.#book.record(revision);
    for (const listener of [...this.#listeners]) listener(key);
    return revision;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#writing;
  }
}

/** Policies that end with the process, of a server without a state directory. */
export function memoryPolicyStore(clock: Clock): PolicyStore {
  const note =
    "the server keeps no state: this is lost at its next start; give it a --state-dir to keep it";
  return new LocalPolicyStore({
    clock,
    createdMs: clock.wallMs(),
    book: new PolicyBook(),
    state: { kind: "memory", where: "", isWritable: true, problem: "", note },
    persist: async () => undefined,
  });
}
