import { type FieldViolation, MeshError } from "./mesh-error.ts";

/**
 * What is wrong with a request, gathered while it is read. `undefined` as long as nothing is:
 * almost every request is fine, and then this costs nothing.
 */
export type Violations = FieldViolation[] | undefined;

/** More help nobody, and all of them must fit into 4 KiB of gRPC trailers. */
export const MAX_VIOLATIONS = 16;

/** How many the sentence for people repeats; the rest stands in the details. */
const SPELLED_OUT = 3;

/** The violations with one more; what exceeds `MAX_VIOLATIONS` is dropped. */
export function violation(found: Violations, field: string, description: string): Violations {
  if (found === undefined) return [{ field, description }];
  if (found.length < MAX_VIOLATIONS) found.push({ field, description });
  return found;
}

/** One error for all of a message's violations. */
export function invalidArgument(violations: readonly FieldViolation[]): MeshError {
  const spelledOut = violations
    .slice(0, SPELLED_OUT)
    .map(({ field, description }) => `${field}: ${description}`)
    .join("; ");
  const rest = violations.length - SPELLED_OUT;
  const message = rest > 0 ? `${spelledOut}; and ${rest} more` : spelledOut;
  return new MeshError("INVALID_ARGUMENT", message, { violations });
}
