import { InvalidArgumentError } from "commander";
import type { Metadata } from "../../core/model/instance.ts";

/** Collects `key=value` of an option that may be repeated. The value may hold further equals signs. */
export function collectPair(text: string, former: Metadata = new Map()): Metadata {
  const equals = text.indexOf("=");
  if (equals <= 0) {
    throw new InvalidArgumentError(`Write it as key=value, for example version=v2.`);
  }
  const key = text.slice(0, equals);
  const value = text.slice(equals + 1);
  const other = former.get(key);
  if (other !== undefined && other !== value) {
    throw new InvalidArgumentError(`It is given twice, as ${key}=${other} and ${text}.`);
  }
  return new Map([...former, [key, value]]);
}

/** True when `metadata` has all of these pairs. */
export function hasPairs(metadata: Metadata, pairs: Metadata): boolean {
  return [...pairs].every(([key, value]) => metadata.get(key) === value);
}

/** `version=v2,zone=a`, ordered by key. */
export function formatPairs(metadata: Metadata): string {
  return [...metadata]
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(",");
}
