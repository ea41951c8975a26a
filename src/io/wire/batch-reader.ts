import type { RegisterInput } from "../../core/registry/admission.ts";
import { Registration } from "../../gen/weir/v1/registry.ts";
import { ByteCursor } from "./byte-cursor.ts";
import { readRegistration } from "./registration-reader.ts";

/** A RegisterBatch; a registration that is unusual or wrong is the message that it arrived as. */
export interface RegistrationBatch {
  readonly $case: "batch";
  /** Chosen by the client: the field as it arrived, which the answer echoes. */
  readonly requestId: Uint8Array;
  readonly registrations: readonly (RegisterInput | Registration)[];
}

/** Tags of AttachRequest.register and of RegisterBatch. */
const REGISTER = 0x12;
const REQUEST_ID = 0x08;
const REGISTRATION = 0x12;

const NONE = new Uint8Array();

const cursor = new ByteCursor();

/**
 * Reads an AttachRequest that is a batch of registrations and nothing else, in place.
 *
 * @returns `undefined` for every other one, which the generated decoder reads.
 * @throws as the generated decoder does, for a broken registration.
 */
export function readBatch(bytes: Buffer): RegistrationBatch | undefined {
  cursor.start(bytes, 0, bytes.length);
  if (cursor.varint() !== REGISTER || cursor.length() !== bytes.length - cursor.at)
    return undefined;
  let requestId: Uint8Array = NONE;
  const registrations: (RegisterInput | Registration)[] = [];
  while (cursor.hasMore) {
    const fieldAt = cursor.at;
    const tag = cursor.varint();
    if (tag === REQUEST_ID) {
      cursor.varint();
      requestId = bytes.subarray(fieldAt, cursor.at);
    } else if (tag === REGISTRATION) {
      const end = cursor.length() + cursor.at;
      if (cursor.isLost) return undefined;
      const { at } = cursor;
      registrations.push(
        readRegistration(bytes, at, end) ?? Registration.decode(bytes.subarray(at, end)),
      );
      cursor.at = end;
    } else return undefined;
  }
  return cursor.isLost ? undefined : { $case: "batch", requestId, registrations };
}
