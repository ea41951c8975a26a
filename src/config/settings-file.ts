import { type Document, isCollection, isNode, LineCounter, parseDocument } from "yaml";
import { MeshError } from "../core/model/mesh-error.ts";

/** A text file of settings, as it was read. */
export interface SettingsFile {
  /** As the user named it, for messages. */
  readonly path: string;
  readonly text: string;
}

/** Settings by key, before anything is known of their meaning. */
export type RawValues = Readonly<Record<string, unknown>>;

export interface ReadFile {
  readonly values: RawValues;
  /** `FILE:LINE` of a setting, or of the nearest one around it. */
  readonly placeOf: (path: readonly PropertyKey[]) => string;
}

/** Settings are some lines; a megabyte is another kind of file. */
const MAX_CHARACTERS = 1024 * 1024;

/** Aliases that nest multiply: 100 are more than anybody writes. Source: the "billion laughs" attack. */
const MAX_ALIASES = 100;

/** @throws MeshError INVALID_ARGUMENT when it is no YAML mapping. */
export function readSettingsFile({ path, text }: SettingsFile): ReadFile {
  if (text.length > MAX_CHARACTERS) throw unreadable(`${path} is larger than 1 MiB`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw unreadable(`${path}:${line}:${col} is not YAML: ${error.message}`);
  }
  return {
    values: mappingOf(document, path),
    placeOf: (at) => `${path}:${lines.linePos(offsetOf(document, at)).line}`,
  };
}

function mappingOf(document: Document, path: string): RawValues {
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: MAX_ALIASES }) ?? {};
  } catch (error) {
    throw unreadable(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    throw unreadable(`${path} must hold settings, one "name: value" a line`);
  }
  return content as RawValues;
}

function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const parentPath = path.slice(0, length - 1);
    const parent = length === 1 ? document.contents : document.getIn(parentPath, true);
    const name = String(path[length - 1]);
    const items: readonly unknown[] = isCollection(parent) ? parent.items : [];
    const key = items.map(keyOf).find((node) => textOf(node) === name);
    const node = key ?? document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

function keyOf(pair: unknown): unknown {
  return typeof pair === "object" && pair !== null && "key" in pair ? pair.key : undefined;
}

function textOf(node: unknown): string | undefined {
  return typeof node === "object" && node !== null && "value" in node
    ? String(node.value)
    : undefined;
}

function unreadable(message: string): MeshError {
  return new MeshError("INVALID_ARGUMENT", message);
}
