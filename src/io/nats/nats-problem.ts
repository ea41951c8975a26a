import { isIP } from "node:net";
import { ErrorCode } from "nats";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { BusProblem, BusProblemKind } from "../../ports/bus.ts";
import { NatsSecretError } from "./nats-authenticator.ts";
import { NotNatsError } from "./nats-greeting.ts";
import { TooLateError } from "./within-time.ts";

/** What the errors of Node and of the client of `nats` mean, by their code. */
const MEANINGS: Readonly<Record<string, readonly [BusProblemKind, string]>> = {
  [ErrorCode.AuthorizationViolation]: [
    "auth",
    "the server refused us: check user, password, token, nkey or creds file against its configuration",
  ],
  [ErrorCode.BadAuthentication]: ["auth", "the server wants to know who we are: give credentials"],
  [ErrorCode.AuthenticationTimeout]: ["auth", "the server waited in vain for credentials"],
  [ErrorCode.AuthenticationExpired]: ["auth", "our credentials have expired: renew the creds file"],
  [ErrorCode.AccountExpired]: ["auth", "the NATS account has expired: renew it"],
  [ErrorCode.BadCreds]: ["auth", "the creds file cannot be used"],
  [ErrorCode.ServerOptionNotAvailable]: [
    "tls",
    "we want TLS and the server offers none: write nats:// without certificates, or give the server a tls block",
  ],
  CERT_HAS_EXPIRED: ["tls", "the server's certificate has expired: renew it"],
  CERT_NOT_YET_VALID: ["tls", "the server's certificate is not valid yet: compare the clocks"],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    "tls",
    "the server's certificate does not hold the name that we call it by: issue it with that name, or use one that it holds",
  ],
  DEPTH_ZERO_SELF_SIGNED_CERT: ["tls", "the server's certificate is signed by itself: name its CA"],
  SELF_SIGNED_CERT_IN_CHAIN: ["tls", "we do not know the CA of the server's certificate: name it"],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: [
    "tls",
    "we do not know the CA of the server's certificate: name it",
  ],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: [
    "tls",
    "we do not know the CA of the server's certificate: name it",
  ],
  ECONNREFUSED: ["unreachable", "nobody listens there: is the server up, and is the port right?"],
  [ErrorCode.ConnectionRefused]: ["unreachable", "nobody listens there: is the server up?"],
  ENOTFOUND: ["unreachable", "no such host: check the name and the name server"],
  EAI_AGAIN: ["unreachable", "the name server does not answer"],
  EHOSTUNREACH: ["unreachable", "there is no route to it: check the network"],
  ENETUNREACH: ["unreachable", "there is no route to it: check the network"],
  ECONNRESET: ["unreachable", "the connection was reset"],
  EPIPE: ["unreachable", "the connection was reset"],
  ETIMEDOUT: ["unreachable", "it does not answer: check the network and firewalls"],
  [ErrorCode.Timeout]: ["unreachable", "it does not answer in time: is it overloaded or frozen?"],
};

/** TLS alerts and errors of OpenSSL that have no meaning of their own above. */
const TLS_CODE = /^(ERR_SSL|ERR_TLS|ERR_OSSL|CERT_|UNABLE_TO|EPROTO|TLS$)/;

/** What an error at `url` means. `undefined` is a connection that ended without a reason. */
export function problemAt(url: string, error: unknown): BusProblem {
  const [kind, why] = meaningOf(error);
  return { kind, message: `NATS server ${url}: ${why}` };
}

function meaningOf(error: unknown): readonly [BusProblemKind, string] {
  if (error === undefined || error === null) return ["unreachable", "the connection ended"];
  if (!(error instanceof Error)) return ["protocol", String(error)];
  if (error instanceof NatsSecretError) return ["auth", error.message];
  if (error instanceof NotNatsError) return ["protocol", `${error.message}: is the port right?`];
  if (error instanceof MeshError) return ["tls", error.message];
  const code = "code" in error ? String(error.code) : "";
  const known = MEANINGS[code];
  if (known !== undefined) return known;
  if (TLS_CODE.test(code)) return ["tls", tlsFailure(error)];
  if (/slow consumer/i.test(error.message)) {
    return ["overload", "it cut us off because we did not read fast enough"];
  }
  if (error instanceof TooLateError) return ["unreachable", error.message];
  if (code === ErrorCode.ProtocolError) return ["protocol", error.message];
  const cause = "chainedError" in error && error.chainedError;
  return cause instanceof Error ? meaningOf(cause) : ["unreachable", error.message];
}

/** OpenSSL's own words are for those who wrote it. */
function tlsFailure({ message }: Error): string {
  const alert = /alert ([a-z ]+)/.exec(message)?.[1];
  if (alert === undefined) return `TLS failed (${message.trim()})`;
  return /certificate|unknown ca/.test(alert)
    ? `it refuses us by our certificate, or for the lack of one (${alert}): give a certificate and key that its CA signed`
    : `TLS failed on its side (${alert}): look into its log`;
}

/** What to change when the server forbids a subject. */
export function permissionFix(operation: "publish" | "subscribe", subject: string): string {
  const tokens = subject.split(".");
  const wide = tokens.length > 2 ? `${tokens.slice(0, 2).join(".")}.>` : subject;
  return (
    `add it to the user's permissions in the NATS server's configuration and reload it: ` +
    `permissions { ${operation}: { allow: ["${wide}"] } }`
  );
}

/** True for what needs no name in a certificate's DNS list. */
export function isAddress(host: string): boolean {
  return isIP(host) !== 0;
}
