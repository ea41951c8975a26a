import { LEASE_TOKEN_HEAD_BYTES, writeLeaseTokenHead } from "../../src/io/wire/lease-token.ts";

/** A lease token as a server issues it. */
export function aLeaseToken(registrationId: string, firstRegisteredHlc: number): Buffer {
  const bytes = Buffer.alloc(LEASE_TOKEN_HEAD_BYTES + registrationId.length);
  const at = writeLeaseTokenHead(bytes, 0, firstRegisteredHlc);
  bytes.write(registrationId, at, "latin1");
  return bytes;
}
