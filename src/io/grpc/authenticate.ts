import type { PeerCertificate } from "node:tls";
import { type Metadata, ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { BearerTokens } from "../../ports/bearer-tokens.ts";
import type { ListenerSecurity } from "../../ports/listener-security.ts";
import type { FinishedCalls } from "./finished-calls.ts";
import { toServiceError } from "./status.ts";

/** Probes come from orchestrators that hold no token, and learn only whether this server serves. */
const OPEN_PATHS = "/grpc.health.v1.Health/";

const BEARER = /^Bearer +([^ ]+)$/i;

const NOBODY = "anonymous";

/** Who a call's metadata came with; nothing is stored on a port that knows nobody. */
const principals = new WeakMap<Metadata, string>();

/** The name of who makes the call; `anonymous` on a port without client certificates and tokens. */
export function principalName(metadata: Metadata): string {
  return principals.get(metadata) ?? NOBODY;
}

/**
 * Names callers by their token or certificate, and refuses those without a token that is accepted:
 * by the headers, before a message is read. No handler hears of who is refused: it is counted here.
 *
 * @returns nothing where everybody may call: then no call pays for it.
 */
export function authenticators(
  { certificates, tokens }: ListenerSecurity,
  finished: FinishedCalls,
): ServerInterceptor[] {
  const knowsCertificates = certificates?.current().clientCa !== undefined;
  if (tokens === undefined && !knowsCertificates) return [];
  return [
    (method, call) =>
      new ServerInterceptingCall(call, {
        start: (next) =>
          next({
            onReceiveMetadata(metadata, pass) {
              const isOpen = method.path.startsWith(OPEN_PATHS);
              const byToken = tokens === undefined || isOpen ? "" : tokenOwner(metadata, tokens);
              if (byToken instanceof MeshError) {
                const failure = toServiceError(byToken);
                finished.of(method.path)(failure.code);
                call.sendStatus(failure);
                return;
              }
              const name =
                byToken === ""
                  ? certificateName(call.getAuthContext().sslPeerCertificate)
                  : byToken;
              principals.set(metadata, name);
              pass(metadata);
            },
          }),
      }),
  ];
}

function tokenOwner(metadata: Metadata, tokens: BearerTokens): string | MeshError {
  const [header, ...more] = metadata.get("authorization");
  if (header === undefined) {
    return unauthenticated(
      "this control plane asks for a token: give one with --token-file, or in WEIR_TOKEN",
    );
  }
  const token = BEARER.exec(String(header))?.[1];
  if (token === undefined || more.length > 0) {
    return unauthenticated("send one header: authorization: Bearer TOKEN");
  }
  return (
    tokens.nameOf(token) ??
    unauthenticated(
      "this control plane does not accept that token: was it replaced? Compare the client's --token-file with the server's",
    )
  );
}

function unauthenticated(message: string): MeshError {
  return new MeshError("UNAUTHENTICATED", message);
}

/** Its first URI, then DNS name, then common name. Source: SPIFFE names workloads by URI. */
function certificateName(certificate: PeerCertificate | undefined): string {
  const alternatives = certificate?.subjectaltname ?? "";
  // Node quotes a name that holds what separates names: nobody honest has one.
  const names = alternatives.includes('"') ? [] : alternatives.split(", ");
  for (const kind of ["URI:", "DNS:"]) {
    const name = names.find((text) => text.startsWith(kind));
    if (name !== undefined) return name.slice(kind.length);
  }
  const commonName: string | string[] | undefined = certificate?.subject.CN;
  return (Array.isArray(commonName) ? commonName[0] : commonName) ?? NOBODY;
}
