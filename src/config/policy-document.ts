import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { type FieldViolation, MeshError } from "../core/model/mesh-error.ts";
import { invalidArgument } from "../core/model/violations.ts";
import { policyViolations, type ServicePolicy } from "../core/policies/service-policy.ts";
import { closest } from "./closest.ts";

/** A file of policies is written by hand; a megabyte is another kind of file. */
const MAX_CHARACTERS = 1024 * 1024;

/** Aliases that nest multiply: 100 are more than anybody writes. Source: the "billion laughs" attack. */
const MAX_ALIASES = 100;

/** A policy as people write it, and as `weir policy get -o json` prints it: what the server sets is skipped. */
const document = z.strictObject({
  namespace: z.string().optional(),
  service: z.string().default(""),
  balancing: z.string().default(""),
  etag: z.string().default(""),
  apiVersion: z.literal("weir/v1").optional(),
  revision: z.unknown().optional(),
  changedAt: z.unknown().optional(),
  changedBy: z.unknown().optional(),
  deleted: z.literal(false).optional(),
});

/** What should hold, and the etag that the document names; `""` when it names none. */
export interface WantedPolicy {
  readonly policy: ServicePolicy;
  readonly etag: string;
}

/**
 * The policies of a YAML or JSON text: one document each, or lists of them.
 * @param path as the user named it, for messages.
 * @param namespace of those that name none.
 * @throws MeshError INVALID_ARGUMENT that names place and field of everything that is wrong.
 */
export function parsePolicies(path: string, text: string, namespace: string): WantedPolicy[] {
  const found: FieldViolation[] = [];
  const wanted = contentsOf(path, text).map((content, index, { length }) => {
    const place = length === 1 ? path : `${path} #${index + 1}`;
    const { data, error } = document.safeParse(content);
    if (data === undefined) {
      found.push(...error.issues.map((issue) => violationOf(place, issue)));
      return undefined;
    }
    const { service, balancing, etag } = data;
    const policy = { namespace: data.namespace ?? namespace, service, balancing };
    for (const { field, description } of policyViolations(policy, "") ?? []) {
      found.push({ field: `${place}: ${field}`, description });
    }
    return { policy, etag };
  });
  if (found.length > 0) throw invalidArgument(found);
  return wanted.filter((one) => one !== undefined);
}

function contentsOf(path: string, text: string): unknown[] {
  if (text.length > MAX_CHARACTERS) throw unreadable(`${path} is larger than 1 MiB`);
  const documents = parseAllDocuments(text);
  const contents: unknown[] = [];
  for (const one of documents) {
    const [error] = one.errors;
    if (error !== undefined) throw unreadable(`${path} is not YAML: ${error.message}`);
    try {
      contents.push(one.toJS({ maxAliasCount: MAX_ALIASES }));
    } catch (cause) {
      throw unreadable(`${path}: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
  }
  const policies = contents.flat(1).filter((content) => content !== null);
  if (policies.length > 0) return policies;
  throw unreadable(`${path} holds no policy; write "service: orders" and "balancing: peak_ewma"`);
}

function violationOf(place: string, issue: z.core.$ZodIssue): FieldViolation {
  if (issue.code !== "unrecognized_keys") {
    const field = [place, issue.path.join(".")].filter((part) => part !== "").join(": ");
    return { field, description: issue.message };
  }
  const [key = ""] = issue.keys;
  const meant = closest(key, ["namespace", "service", "balancing", "etag"]);
  const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
  return { field: `${place}: ${key}`, description: `is no setting of a policy${hint}` };
}

function unreadable(message: string): MeshError {
  return new MeshError("INVALID_ARGUMENT", message);
}
