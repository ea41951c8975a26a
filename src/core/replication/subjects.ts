import { hash64 } from "../model/hash.ts";
import { MeshError } from "../model/mesh-error.ts";
import { isName } from "../model/names.ts";

/**
 * Where replicas publish: `weir.CLUSTER.v1.SHARD.KIND.ORIGIN`. Nothing that a user named becomes a
 * token: an origin is hashed, and the name of the cluster, which an operator gave, must be a name.
 */

/** Of the layout of subjects; messages carry a version of their own. */
const VERSION = "v1";

/** Reserved: with more than one, a replica could hold a part of all records. */
export const ONLY_SHARD = "0";

/**
 * `delta`: batches of changes. `hb`: heartbeats. `pull`: requests for what an origin owns. `ctl`: leave.
 * `call`: requests to a replica, for what only it can do or knows.
 */
export type SubjectKind = "delta" | "hb" | "pull" | "ctl" | "call";

const SUBJECT = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
const PATTERN = /^([A-Za-z0-9_-]+|\*)(\.([A-Za-z0-9_-]+|\*))*(\.>)?$/;

/** Long enough for every subject here, far below the 4096 bytes of a NATS control line. */
const MAX_LENGTH = 512;

/** True for what may be published to. */
export function isSubject(text: string): boolean {
  return text.length <= MAX_LENGTH && SUBJECT.test(text);
}

/** True for what may be subscribed to. */
export function isSubjectPattern(text: string): boolean {
  return text.length <= MAX_LENGTH && PATTERN.test(text);
}

/** True when `subject` is one of those that `pattern` stands for. */
export function matchesSubject(pattern: string, subject: string): boolean {
  if (pattern === subject) return true;
  const wanted = pattern.split(".");
  const tokens = subject.split(".");
  for (const [i, want] of wanted.entries()) {
    if (want === ">") return tokens.length > i;
    if (tokens[i] === undefined || (want !== "*" && want !== tokens[i])) return false;
  }
  return wanted.length === tokens.length;
}

/**
 * A token of any text: equal texts make equal tokens, and different ones different tokens but for
 * one pair in 2^64. Receivers read the origin in the message, never in the subject.
 */
export function originToken(origin: string): string {
  return hash64(origin).toString(32).padStart(13, "0");
}

/** The subjects of one cluster. */
export class ClusterSubjects {
  /** As the operator named it. */
  readonly cluster: string;
  readonly #prefix: string;
  /** Where replies arrive: inside the cluster's subjects, so that one permission covers all. */
  readonly inboxPrefix: string;
  /** Everything that a replica publishes and subscribes to, for permissions. */
  readonly everything: string;

  /** @throws MeshError INVALID_ARGUMENT when `cluster` is no name */
  constructor(cluster: string) {
    if (!isName(cluster)) {
      throw new MeshError(
        "INVALID_ARGUMENT",
        `"${cluster}" cannot name a cluster: use 1 to 63 of a-z, 0-9 and -, with no - at either end`,
      );
    }
    this.cluster = cluster;
    this.#prefix = `weir.${cluster}.${VERSION}.${ONLY_SHARD}`;
    this.inboxPrefix = `weir.${cluster}.inbox`;
    this.everything = `weir.${cluster}.>`;
  }

  /** What `origin` publishes of a kind, or for `pull` and `call` listens to. */
  of(kind: SubjectKind, origin: string): string {
    return `${this.#prefix}.${kind}.${originToken(origin)}`;
  }

  /** Of all origins. */
  all(kind: SubjectKind): string {
    return `${this.#prefix}.${kind}.*`;
  }
}
