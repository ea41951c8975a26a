import { parseDocument } from "yaml";
import type { z } from "zod";
import { MeshError } from "../core/model/mesh-error.ts";
import { nearest } from "./nearest.ts";

/** Where settings come from, strongest first; defaults are the schema's. */
export interface RawSettings {
  /** As typed, by camel-case name; `undefined` was not typed. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** `WEIR_STATE_DIR` sets `stateDir`. Lists are separated by commas. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly file?: { readonly path: string; readonly text: string };
}

/** One effective setting. */
export interface SettingSource {
  readonly name: string;
  readonly value: unknown;
  /** `flag`, a variable's name, the file's path, or `default`. */
  readonly source: string;
}

export interface ParsedSettings<T> {
  readonly settings: T;
  readonly sources: readonly SettingSource[];
}

/** A settings file is some lines; a megabyte of aliases is an attack or a mistake. */
const MAX_FILE_CHARACTERS = 1024 * 1024;

/**
 * Flag > WEIR_* > file > default. Unknown keys of the file are errors, with a suggestion;
 * variables of other programs are none of our business.
 *
 * @throws MeshError INVALID_ARGUMENT that lists every problem with its source.
 */
export function parseSettings<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  raw: RawSettings,
): ParsedSettings<z.infer<z.ZodObject<Shape>>> {
  const file = raw.file === undefined ? {} : readFile(raw.file);
  const merged: Record<string, unknown> = { ...file };
  const sourceOf = new Map<string, string>();
  for (const name of Object.keys(file)) sourceOf.set(name, raw.file?.path ?? "file");
  for (const name of Object.keys(schema.shape)) {
    const variable = variableOf(name);
    const flag = raw.flags[name];
    const env = raw.env[variable];
    if (flag !== undefined) {
      merged[name] = flag;
      sourceOf.set(name, "flag");
    } else if (env !== undefined && env !== "") {
      merged[name] = env;
      sourceOf.set(name, variable);
    }
  }
  const result = schema.strict().safeParse(merged);
  if (!result.success) throw problems(result.error.issues, schema, sourceOf);
  const settings = result.data as z.infer<z.ZodObject<Shape>>;
  const sources = Object.entries(settings).map(([name, value]) => ({
    name,
    value,
    source: sourceOf.get(name) ?? "default",
  }));
  return { settings, sources };
}

/** `stateDir` -> `WEIR_STATE_DIR`. */
export function variableOf(name: string): string {
  return `WEIR_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

function readFile({ path, text }: { path: string; text: string }): Record<string, unknown> {
  if (text.length > MAX_FILE_CHARACTERS) throw bad(`${path} is larger than 1 MiB`);
  const document = parseDocument(text, { prettyErrors: true });
  const [error] = document.errors;
  if (error !== undefined) throw bad(`${path} is not YAML: ${error.message}`);
  const content: unknown = document.toJS({ maxAliasCount: 100 }) ?? {};
  if (typeof content !== "object" || Array.isArray(content)) {
    throw bad(`${path} must hold settings, one \`name: value\` a line`);
  }
  return content as Record<string, unknown>;
}

type Issue = z.core.$ZodIssue;

function problems(
  issues: readonly Issue[],
  schema: z.ZodObject,
  sourceOf: ReadonlyMap<string, string>,
): MeshError {
  const lines = issues.flatMap((issue) => {
    const path = issue.path.map(String).join(".");
    const source = sourceOf.get(String(issue.path[0] ?? ""));
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => unknownKey(path, key, issue.path, schema));
    }
    return [`${path}${source === undefined ? "" : ` (${source})`}: ${issue.message}`];
  });
  return new MeshError("INVALID_ARGUMENT", `settings cannot be used:\n  ${lines.join("\n  ")}`);
}

function unknownKey(
  path: string,
  key: string,
  steps: readonly PropertyKey[],
  schema: z.ZodObject,
): string {
  const known = keysAt(schema, steps);
  const guess = nearest(key, known);
  const hint =
    guess === undefined ? `; known: ${known.join(", ")}` : `; did you mean \`${guess}\`?`;
  return `${path === "" ? key : `${path}.${key}`}: is not a setting${hint}`;
}

/** The names that a schema allows at a path; empty where it cannot be told. */
function keysAt(schema: z.ZodType, steps: readonly PropertyKey[]): string[] {
  const inner = unwrap(schema);
  if (steps.length === 0) return "shape" in inner ? Object.keys(inner.shape as object) : [];
  const [step, ...rest] = steps;
  if ("element" in inner) return keysAt(inner.element as z.ZodType, rest);
  if (!("shape" in inner)) return [];
  const next = (inner.shape as Record<string, z.ZodType>)[String(step)];
  return next === undefined ? [] : keysAt(next, rest);
}

/** Looks through `.default()`, `.prefault()`, `.optional()` and `.transform()`. */
function unwrap(schema: z.ZodType): z.ZodType {
  const { def } = schema as unknown as { def: { innerType?: z.ZodType; in?: z.ZodType } };
  const inner = def.innerType ?? def.in;
  return inner === undefined ? schema : unwrap(inner);
}

function bad(message: string): MeshError {
  return new MeshError("INVALID_ARGUMENT", message);
}
