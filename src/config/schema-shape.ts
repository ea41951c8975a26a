import { z } from "zod";

/** What a schema says of one setting, as far as texts from flags and variables need it. */
export interface Leaf {
  readonly path: readonly string[];
  /** `whole` is a list of mappings: only a file can say it. */
  readonly kind: "text" | "number" | "switch" | "list" | "whole";
}

/** All settings of a schema; mappings count by their parts. */
export function leavesOf(schema: z.ZodType, path: readonly string[] = []): Leaf[] {
  const inner = unwrapped(schema);
  if (!(inner instanceof z.ZodObject)) return [{ path, kind: kindOf(inner) }];
  return Object.entries(inner.shape).flatMap(([key, value]) =>
    leavesOf(value as z.ZodType, [...path, key]),
  );
}

function kindOf(schema: z.ZodType): Leaf["kind"] {
  if (schema instanceof z.ZodNumber) return "number";
  if (schema instanceof z.ZodBoolean) return "switch";
  if (schema instanceof z.ZodRecord) return "whole";
  if (!(schema instanceof z.ZodArray)) return "text";
  return unwrapped(schema.element as z.ZodType) instanceof z.ZodObject ? "whole" : "list";
}

/** Keys that the schema knows where `path` leads; empty when it leads nowhere. */
export function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const inner = unwrapped(schema);
  const [step, ...rest] = path;
  if (step === undefined) return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
  if (inner instanceof z.ZodArray) return keysAt(inner.element as z.ZodType, rest);
  if (!(inner instanceof z.ZodObject)) return [];
  const next = inner.shape[String(step)] as z.ZodType | undefined;
  return next === undefined ? [] : keysAt(next, rest);
}

/** Without the defaults, options and transformations around it. */
function unwrapped(schema: z.ZodType): z.ZodType {
  if (
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodReadonly
  ) {
    return unwrapped(schema.unwrap() as z.ZodType);
  }
  if (!(schema instanceof z.ZodPipe)) return schema;
  const input = schema.in as z.ZodType;
  // A preprocessing step says nothing of what it makes; what follows it does.
  return unwrapped(input instanceof z.ZodTransform ? (schema.out as z.ZodType) : input);
}
