import type { Instance, ServiceDefaults } from "../../core/model/instance.ts";
import type { RegisterInput } from "../../core/registry/admission.ts";
import { ByteCursor } from "./byte-cursor.ts";
import { InstanceReader } from "./instance-reader.ts";
import { defaultSets } from "./known-parts.ts";
import { decodeLeaseToken } from "./lease-token.ts";

/** Tags of the fields: their numbers and wire types. */
const INSTANCE = 0x0a;
const DEFAULTS = 0x12;
const TOKEN = 0x1a;

const cursor = new ByteCursor();
const instances = new InstanceReader(cursor);

/**
 * Reads a registration (a RegisterRequest, or a Registration of a batch: they have the same
 * fields) without the generated message between.
 *
 * @returns `undefined` for what the long way must read, above all for what is wrong: that one
 * says what. Where this answers, both answer the same.
 */
export function readRegistration(
  bytes: Buffer,
  start: number,
  end: number,
): RegisterInput | undefined {
  const parts: Parts = { instance: undefined, defaults: undefined, token: undefined };
  cursor.start(bytes, start, end);
  while (cursor.hasMore) if (!readField(parts)) return undefined;
  const { instance, defaults, token } = parts;
  if (cursor.isLost || instance === undefined) return undefined;
  return token === undefined ? { instance, defaults } : withToken(instance, defaults, token);
}

interface Parts {
  instance: Instance | undefined;
  defaults: ServiceDefaults | undefined;
  token: Buffer | undefined;
}

/** @returns false for what is left to the long way. */
function readField(parts: Parts): boolean {
  const { bytes, at, end } = cursor;
  const tag = cursor.varint();
  const valueEnd = cursor.length() + cursor.at;
  if (cursor.isLost) return false;
  switch (tag) {
    case INSTANCE:
      if (parts.instance !== undefined) return false;
      parts.instance = instances.read(valueEnd);
      cursor.end = end;
      return parts.instance !== undefined;
    case DEFAULTS: {
      const known = defaultSets.read(bytes, at, valueEnd);
      cursor.at = valueEnd;
      parts.defaults = known?.defaults;
      return known !== undefined;
    }
    case TOKEN:
      parts.token = bytes.subarray(cursor.at, valueEnd);
      cursor.at = valueEnd;
      return parts.token.length > 0;
    default:
      return false;
  }
}

function withToken(
  instance: Instance,
  defaults: ServiceDefaults | undefined,
  token: Buffer,
): RegisterInput | undefined {
  try {
    const { registrationId, firstRegisteredHlc } = decodeLeaseToken(token);
    if (registrationId !== instance.registrationId) return { instance, defaults };
    return { instance, defaults, firstRegisteredHlc };
  } catch {
    return undefined;
  }
}
