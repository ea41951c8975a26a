import { isInstanceId, isName } from "./names.ts";
import { echo } from "./text.ts";
import { type Violations, violation } from "./violations.ts";

/** See `Instance.registration_id` in types.proto: room for a UUID or a ULID with a prefix. */
export const MAX_REGISTRATION_ID_CHARACTERS = 64;

const NAME_RULE = "use 1 to 63 of a-z, 0-9 and -, with a letter or digit at both ends";
const ID_RULE = "use A-Z, a-z, 0-9 and - . _ : @, with a letter or digit at both ends";

/** True for a client's registration id. */
export function isRegistrationId(text: string): boolean {
  return text.length <= MAX_REGISTRATION_ID_CHARACTERS && isInstanceId(text);
}

/** Adds a violation unless `text` can name a namespace, a service or a port. */
export function checkName(found: Violations, field: string, text: string): Violations {
  return isName(text) ? found : violation(found, field, `${said(text)}; ${NAME_RULE}`);
}

/** Adds a violation unless `text` can be an instance's id. */
export function checkInstanceId(found: Violations, field: string, text: string): Violations {
  if (isInstanceId(text)) return found;
  return violation(found, field, `${said(text)}; use 1 to 128 characters, ${ID_RULE}`);
}

/** Adds a violation unless `text` is a registration id or empty, which leaves it to the server. */
export function checkRegistrationId(found: Violations, field: string, text: string): Violations {
  if (text === "" || isRegistrationId(text)) return found;
  return violation(found, field, `${said(text)}; use 1 to 64 characters, ${ID_RULE}`);
}

function said(text: string): string {
  return text === "" ? "is missing" : `${echo(text)} is not allowed`;
}
