import type { RegistrationId } from "../../core/model/names.ts";
import { isRegistrationId } from "../../core/model/validate-names.ts";
import { invalidArgument } from "../../core/model/violations.ts";

/** What a lease token says: which process, and when it was first seen. */
interface LeaseToken {
  readonly registrationId: RegistrationId;
  /** Hybrid logical time of its first Register; orders processes that claim one id. */
  readonly firstRegisteredHlc: number;
}

/**
 * Version 1: one version byte, 8 bytes of time (unsigned, big end first), then the
 * registration id in ASCII. Opaque to clients, so it may change with the version byte.
 */
const VERSION = 1;
/** Bytes before the registration id. */
export const LEASE_TOKEN_HEAD_BYTES = 9;

/**
 * Writes what stands before the registration id.
 *
 * @param firstRegisteredHlc a safe integer.
 * @returns where it ends.
 */
export function writeLeaseTokenHead(
  bytes: Uint8Array,
  start: number,
  firstRegisteredHlc: number,
): number {
  let high = Math.floor(firstRegisteredHlc / 2 ** 32);
  let low = firstRegisteredHlc >>> 0;
  bytes[start] = VERSION;
  for (let i = 4; i > 0; i--) {
    bytes[start + i] = high & 255;
    bytes[start + 4 + i] = low & 255;
    high >>>= 8;
    low >>>= 8;
  }
  return start + LEASE_TOKEN_HEAD_BYTES;
}

/** @throws MeshError INVALID_ARGUMENT for anything that no server issued. */
export function decodeLeaseToken(token: Uint8Array): LeaseToken {
  if (token.length > LEASE_TOKEN_HEAD_BYTES && token[0] === VERSION) {
    const bytes = Buffer.from(token.buffer, token.byteOffset, token.byteLength);
    const firstRegisteredHlc = Number(bytes.readBigUInt64BE(1));
    const registrationId = bytes.toString("latin1", LEASE_TOKEN_HEAD_BYTES);
    if (isRegistrationId(registrationId) && Number.isSafeInteger(firstRegisteredHlc)) {
      return { registrationId: registrationId as RegistrationId, firstRegisteredHlc };
    }
  }
  const description = "was not issued by a Weir server; present what Register returned, or nothing";
  throw invalidArgument([{ field: "lease_token", description }]);
}
