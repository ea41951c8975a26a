import type { RegistrationId } from "../../core/model/names.ts";
import { isRegistrationId } from "../../core/model/validate-names.ts";
import { invalidArgument } from "../../core/model/violations.ts";

/** What a lease token says: which process, and when it was first seen. */
export interface LeaseToken {
  readonly registrationId: RegistrationId;
  /** Hybrid logical time of its first Register; orders processes that claim one id. */
  readonly firstRegisteredHlc: number;
}

/**
 * Version 1: one version byte, 8 bytes of time (unsigned, big end first), then the
 * registration id in ASCII. Opaque to clients, so it may change with the version byte.
 */
const VERSION = 1;
const HEAD_BYTES = 9;

/** @param token whose registrationId is valid and whose time is a safe integer. */
export function encodeLeaseToken(token: LeaseToken): Uint8Array {
  const bytes = Buffer.alloc(HEAD_BYTES + token.registrationId.length);
  bytes.writeUInt8(VERSION, 0);
  bytes.writeBigUInt64BE(BigInt(token.firstRegisteredHlc), 1);
  bytes.write(token.registrationId, HEAD_BYTES, "latin1");
  return bytes;
}

/** @throws MeshError INVALID_ARGUMENT for anything that no server issued. */
export function decodeLeaseToken(token: Uint8Array): LeaseToken {
  if (token.length > HEAD_BYTES && token[0] === VERSION) {
    const bytes = Buffer.from(token.buffer, token.byteOffset, token.byteLength);
    const firstRegisteredHlc = Number(bytes.readBigUInt64BE(1));
    const registrationId = bytes.toString("latin1", HEAD_BYTES);
    if (isRegistrationId(registrationId) && Number.isSafeInteger(firstRegisteredHlc)) {
      return { registrationId: registrationId as RegistrationId, firstRegisteredHlc };
    }
  }
  const description = "was not issued by a Weir server; present what Register returned, or nothing";
  throw invalidArgument([{ field: "lease_token", description }]);
}
