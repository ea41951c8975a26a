import { z } from "zod";
import { type FieldViolation, MeshError } from "../core/model/mesh-error.ts";
import { closest } from "./closest.ts";
import { keysAt, type Leaf, leavesOf } from "./schema-shape.ts";
import {
  type RawValues,
  type ReadFile,
  readSettingsFile,
  type SettingsFile,
} from "./settings-file.ts";

/** Where settings come from, strongest first; defaults are the schema's. */
export interface RawSettings {
  /** By camel-case name, as typed: `controlPlane`, `timeoutsConnect`. `undefined` was not typed. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** `WEIR_STATE_DIR` sets `stateDir`, `WEIR_TIMEOUTS_CONNECT` sets `timeouts.connect`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A file's text, or the settings that a program passed. */
  readonly file?: SettingsFile | ReadFile | undefined;
}

/** One effective setting, for `weir config`. */
export interface SettingSource {
  /** Dotted, for example `timeouts.connect`. */
  readonly name: string;
  readonly value: unknown;
  /** `--state-dir`, `WEIR_STATE_DIR`, `FILE:LINE`, or `default`. */
  readonly source: string;
}

export interface ParsedSettings<T> {
  readonly settings: T;
  readonly sources: readonly SettingSource[];
  /** Where a setting was said, for problems that are found later. */
  readonly placeOf: (path: readonly PropertyKey[]) => string;
}

/** What flags and variables said, and which of them. */
interface Given {
  readonly value: unknown;
  readonly source: string;
}

/**
 * Flag > WEIR_* > file > default. Unknown keys of the file are errors, with a suggestion;
 * variables of other programs are none of our business.
 *
 * @param schema taken as strict; objects inside it say so themselves.
 * @throws MeshError INVALID_ARGUMENT that lists every problem with its place.
 */
export function parseSettings<T>(schema: z.ZodType<T>, raw: RawSettings): ParsedSettings<T> {
  const file = raw.file && ("values" in raw.file ? raw.file : readSettingsFile(raw.file));
  const leaves = leavesOf(schema);
  const merged = structuredClone(file?.values ?? {}) as Record<string, unknown>;
  const places = new Map<string, string>();
  for (const leaf of leaves) {
    const given = givenOf(leaf, raw);
    if (given === undefined) continue;
    places.set(leaf.path.join("."), given.source);
    put(merged, leaf.path, given.value);
  }
  const placeOf = (path: readonly PropertyKey[]): string => {
    const isInFile = file !== undefined && valueAt(file.values, path.slice(0, 1)) !== undefined;
    for (let length = path.length; length > 0; length--) {
      const place = places.get(path.slice(0, length).join("."));
      if (place !== undefined) return place;
    }
    return isInFile ? file.placeOf(path) : "default";
  };
  const strict =
    schema instanceof z.ZodObject ? (schema.strict() as unknown as z.ZodType<T>) : schema;
  const result = strict.safeParse(merged);
  if (!result.success) throw settingsError(violationsOf(schema, result.error), placeOf);
  const sources = leaves.map(({ path }) => {
    const isSaid = valueAt(merged, path) !== undefined;
    const value = valueAt(result.data, path);
    return { name: path.join("."), value, source: isSaid ? placeOf(path) : "default" };
  });
  return { settings: result.data, sources, placeOf };
}

/** A bad setting: its path, and what is wrong with it. */
export interface SettingViolation {
  readonly path: readonly PropertyKey[];
  readonly description: string;
}

/** One error for all bad settings, each with its place. */
export function settingsError(
  violations: readonly SettingViolation[],
  placeOf: (path: readonly PropertyKey[]) => string,
): MeshError {
  const lines = violations.map(({ path, description }) => {
    return `${placeOf(path)}: ${dotted(path)}: ${description}`;
  });
  const fields: FieldViolation[] = violations.map(({ path, description }) => ({
    field: dotted(path),
    description,
  }));
  const message = `settings cannot be used:\n  ${lines.join("\n  ")}`;
  return new MeshError("INVALID_ARGUMENT", message, { violations: fields });
}

function givenOf(leaf: Leaf, { flags, env }: RawSettings): Given | undefined {
  const words = wordsOf(leaf.path);
  const flag = flags[camelCase(words)];
  if (flag !== undefined) return { value: typed(flag, leaf), source: `--${words.join("-")}` };
  if (leaf.kind === "whole") return undefined;
  const variable = `WEIR_${words.join("_").toUpperCase()}`;
  const text = env[variable];
  // An empty variable is how shells and compose files say "not set".
  if (text === undefined || text === "") return undefined;
  return { value: typed(text, leaf), source: variable };
}

/** Flags and variables are texts; what cannot be converted is left for the schema to refuse. */
function typed(given: unknown, { kind }: Leaf): unknown {
  if (typeof given !== "string") return given;
  const text = given.trim();
  if (kind === "number" && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (kind === "switch" && /^(true|1|yes|on)$/i.test(text)) return true;
  if (kind === "switch" && /^(false|0|no|off)$/i.test(text)) return false;
  if (kind !== "list") return given;
  const parts = text.split(",").map((part) => part.trim());
  return parts.filter((part) => part !== "");
}

/** A place that holds something else keeps it: the schema says what is wrong there. */
function put(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path;
  if (key === undefined) return;
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  const child = target[key] ?? {};
  target[key] = child;
  if (typeof child === "object") put(child as Record<string, unknown>, rest, value);
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null ? (value as RawValues)[String(key)] : undefined,
    root,
  );
}

function violationsOf(schema: z.ZodType, { issues }: z.ZodError): SettingViolation[] {
  return issues.flatMap((issue) => {
    if (issue.code !== "unrecognized_keys") {
      return [{ path: issue.path, description: issue.message }];
    }
    const known = keysAt(schema, issue.path);
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      description: unknownKey(key, known),
    }));
  });
}

function unknownKey(key: string, known: readonly string[]): string {
  const guess = closest(key, known);
  const hint = guess === undefined ? `known: ${known.join(", ")}` : `did you mean ${guess}?`;
  return `is not a setting; ${hint}`;
}

/** `instances[0].ports[1].name`. */
function dotted(path: readonly PropertyKey[]): string {
  return path
    .map((step, i) => {
      if (typeof step === "number") return `[${step}]`;
      return i === 0 ? String(step) : `.${String(step)}`;
    })
    .join("");
}

function wordsOf(path: readonly string[]): string[] {
  return path.flatMap((key) => key.split(/(?=[A-Z])/)).map((word) => word.toLowerCase());
}

function camelCase(words: readonly string[]): string {
  return words
    .map((word, i) => (i === 0 ? word : word.slice(0, 1).toUpperCase() + word.slice(1)))
    .join("");
}
