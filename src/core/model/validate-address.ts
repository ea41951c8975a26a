import type { Address } from "./instance.ts";
import { echo, utf8Length } from "./text.ts";
import { type Violations, violation } from "./violations.ts";

/** What stands for an address that was not given. */
export const NO_ADDRESS: Address = Object.freeze({ kind: "ip", value: "" });

/** `sockaddr_un.sun_path` on Linux, less its final zero. */
const MAX_UNIX_PATH_BYTES = 107;
/** Source: RFC 1035, 2.3.4. */
const MAX_HOSTNAME_CHARACTERS = 253;

/** Source: RFC 1123, 2.1, and the underscores that real zones have. */
const HOSTNAME_LABEL = "[A-Za-z0-9_](?:[-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?";
const HOSTNAME = new RegExp(`^${HOSTNAME_LABEL}(?:\\.${HOSTNAME_LABEL})*\\.?$`);
/** Resolvers read a last label of digits as part of an IPv4 address. Source: WHATWG URL, "ends in a number". */
const ENDS_IN_NUMBER = /(?:^|\.)\d+\.?$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point.
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;
const WILDCARD = /^(?:0\.0\.0\.0|[0:]*:[0:]*)$/;

/**
 * Adds a violation unless the address can be dialled.
 * @param field path of the address within its request.
 * @param isIp decides on literal IPv4 and IPv6 addresses.
 */
export function checkAddress(
  found: Violations,
  field: string,
  address: Address,
  isIp: (text: string) => boolean,
): Violations {
  const { kind, value } = address;
  if (value === "") return violation(found, field, "set one of ip, hostname and unix_path");
  switch (kind) {
    case "ip":
      return checkIp(found, field, value, isIp);
    case "hostname":
      return checkHostname(found, field, value);
    case "unix":
      return checkUnixPath(found, field, value);
  }
}

function checkIp(
  found: Violations,
  field: string,
  value: string,
  isIp: (text: string) => boolean,
): Violations {
  if (!isIp(value) || value.includes("%")) {
    const fix = "use an IPv4 or IPv6 address without brackets, port or zone, or set hostname";
    return violation(found, `${field}.ip`, `${echo(value)} is not an IP address; ${fix}`);
  }
  if (!WILDCARD.test(value)) return found;
  const fix = "name the address that agents can reach";
  return violation(found, `${field}.ip`, `${value} is where to listen, not where to dial; ${fix}`);
}

function checkHostname(found: Violations, field: string, value: string): Violations {
  const isHostname = value.length <= MAX_HOSTNAME_CHARACTERS && HOSTNAME.test(value);
  if (isHostname && !ENDS_IN_NUMBER.test(value)) return found;
  const fix = "use a DNS name without scheme or port; an address of digits belongs into ip";
  return violation(found, `${field}.hostname`, `${echo(value)} is not a host name; ${fix}`);
}

function checkUnixPath(found: Violations, field: string, value: string): Violations {
  const isShort = value.length <= MAX_UNIX_PATH_BYTES && utf8Length(value) <= MAX_UNIX_PATH_BYTES;
  if (isShort && value.startsWith("/") && !CONTROL_CHARACTER.test(value)) return found;
  const fix = `use an absolute path of at most ${MAX_UNIX_PATH_BYTES} bytes without control characters`;
  return violation(found, `${field}.unix_path`, `${echo(value)} is not a socket's path; ${fix}`);
}
