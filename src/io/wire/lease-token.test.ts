import { expect, test } from "vitest";
import { aLeaseToken } from "../../../test/support/lease-token.ts";
import type { RegistrationId } from "../../core/model/names.ts";
import { decodeLeaseToken } from "./lease-token.ts";

const token = {
  registrationId: "01J8ZQ4" as RegistrationId,
  firstRegisteredHlc: Number.MAX_SAFE_INTEGER,
};

test("a token says what it was made of", () => {
  expect(decodeLeaseToken(aLeaseToken(token.registrationId, token.firstRegisteredHlc))).toEqual(
    token,
  );
});

const issued = aLeaseToken(token.registrationId, token.firstRegisteredHlc);
test.each([
  { what: "nothing", bytes: new Uint8Array() },
  { what: "a token without its id", bytes: issued.subarray(0, 9) },
  { what: "another version", bytes: Uint8Array.of(2, ...issued.subarray(1)) },
  { what: "noise", bytes: new TextEncoder().encode("\u0001 hello, I am a token") },
  { what: "an id that is none", bytes: Uint8Array.of(...issued, 0x2f) },
  { what: "10 KiB", bytes: new Uint8Array(10_240).fill(1) },
  { what: "a time beyond counting", bytes: Uint8Array.of(1, 255, ...issued.subarray(2)) },
])("$what is refused by name", ({ bytes }) => {
  expect(() => decodeLeaseToken(bytes)).toThrow(/^lease_token: /);
});
