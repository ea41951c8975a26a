import type { Metadata } from "./instance.ts";
import { echo, isWellFormed, utf8Length } from "./text.ts";
import { type Violations, violation } from "./violations.ts";

/** Metadata travel to every agent with every change of the instance, so they are few and small. */
export const MAX_METADATA_PAIRS = 32;
export const MAX_METADATA_BYTES = 4096;
export const MAX_METADATA_VALUE_BYTES = 256;

const KEY = /^[A-Za-z0-9._/-]{1,63}$/;

/** Adds what is wrong with an instance's labels. */
export function checkMetadata(found: Violations, field: string, metadata: Metadata): Violations {
  if (metadata.size === 0) return found;
  if (metadata.size > MAX_METADATA_PAIRS) {
    const limit = `at most ${MAX_METADATA_PAIRS} pairs are allowed`;
    return violation(found, field, `${metadata.size} pairs; ${limit}`);
  }
  let all = found;
  let totalBytes = 0;
  for (const [key, value] of metadata) {
    const valueBytes = utf8Length(value);
    totalBytes += key.length + valueBytes;
    if (!KEY.test(key)) {
      all = violation(all, field, `key ${echo(key)}: use 1 to 63 of A-Z, a-z, 0-9 and . _ / -`);
    } else if (valueBytes > MAX_METADATA_VALUE_BYTES) {
      const limit = `at most ${MAX_METADATA_VALUE_BYTES} are allowed`;
      all = violation(all, field, `value of ${echo(key)} has ${valueBytes} bytes; ${limit}`);
    } else if (!isWellFormed(value)) {
      all = violation(all, field, `value of ${echo(key)} is not well-formed Unicode`);
    }
  }
  if (totalBytes <= MAX_METADATA_BYTES) return all;
  return violation(
    all,
    field,
    `${totalBytes} bytes in all; at most ${MAX_METADATA_BYTES} are allowed`,
  );
}
