import { connect as tcpConnect } from "node:net";
import { connect, type PeerCertificate, type TLSSocket } from "node:tls";
import type { ClientCertificates } from "../../ports/certificates.ts";
import type { AccessNames } from "./access-names.ts";
import { hostOf, serverIdentity } from "./tls-credentials.ts";

/** The whole look: a stream's failure waits for it. */
const LOOK_MS = 2_000;

/** With TLS 1.3 a server refuses a client's certificate after the handshake is done for the client. */
const REFUSAL_WAIT_MS = 300;

/** A connection that never came about has nothing to do with TLS. */
const NOT_REACHED =
  /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|Name resolution|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT/;

/**
 * A server with too much to do cuts off who waits (see ConnectionGate): another handshake would double its
 * load. One that speaks TLS ends in order what it does not understand.
 */
const CUT_OFF = /ECONNRESET/;

export interface FailedConnect {
  readonly address: string;
  /** What grpc-js says, which is often only that the connection is gone. */
  readonly grpcDetails: string;
  readonly certificates: ClientCertificates | undefined;
  readonly serverName: string | undefined;
  readonly names: AccessNames;
}

/** How a handshake made for looking ended. */
interface Look {
  /** An error's code, `""` when the handshake was done and stood. */
  readonly errorCode: string;
  readonly isTls: boolean;
  /** Why the server's certificate would not be believed; `""` when it would. */
  readonly distrust: string;
  readonly certificate: PeerCertificate | undefined;
}

/** Why no gRPC connection came about, found out by a handshake of its own; `undefined` when that says nothing. */
export async function causeOfFailure(failed: FailedConnect): Promise<string | undefined> {
  if (NOT_REACHED.test(failed.grpcDetails)) return undefined;
  if (failed.certificates === undefined && CUT_OFF.test(failed.grpcDetails)) return undefined;
  try {
    const look = await handshake(failed);
    return failed.certificates === undefined
      ? ofPlaintext(failed, look)
      : ofTls(failed, look, failed.certificates);
  } catch {
    // Certificates that cannot be read say so elsewhere.
    return undefined;
  }
}

function ofPlaintext({ address, names }: FailedConnect, { isTls }: Look): string | undefined {
  if (!isTls) return undefined;
  return `${address} speaks TLS and this client plaintext; name the CA that signed its certificate with ${names.ca} (or ${names.systemCa})`;
}

function ofTls(
  { address, serverName, names }: FailedConnect,
  { isTls, distrust, certificate, errorCode }: Look,
  certificates: ClientCertificates,
): string | undefined {
  if (!isTls) {
    const isAnswer =
      errorCode === "ERR_SSL_WRONG_VERSION_NUMBER" || /PACKET_LENGTH/.test(errorCode);
    return isAnswer
      ? `${address} speaks plaintext and this client TLS; start the server with --tls-cert and --tls-key, or leave out ${names.ca}`
      : undefined;
  }
  if (distrust !== "")
    return wordsFor(distrust, {
      address,
      serverName,
      caName: certificates.caName,
      certificate,
      names,
    });
  if (errorCode === "") return undefined;
  return certificates.current().cert === undefined
    ? `${address} asks for a client certificate; give one with ${names.pair}`
    : `${address} does not accept this client's certificate (${errorCode}); is it signed by the server's --tls-client-ca, and not expired?`;
}

interface Distrusted {
  readonly address: string;
  readonly serverName: string | undefined;
  readonly caName: string;
  readonly certificate: PeerCertificate | undefined;
  readonly names: AccessNames;
}

function wordsFor(
  code: string,
  { address, serverName, caName, certificate, names }: Distrusted,
): string {
  switch (code) {
    case "CERT_HAS_EXPIRED":
      return `the certificate of ${address}, or one behind it, has expired (${certificate?.valid_to ?? "unknown"}); renew it on the server`;
    case "CERT_NOT_YET_VALID":
      return `the certificate of ${address} is valid from ${certificate?.valid_from ?? "later"} on; are both clocks right?`;
    case "ERR_TLS_CERT_ALTNAME_INVALID": {
      const host = serverName ?? hostOf(address);
      const others = certificate?.subjectaltname ?? `CN:${certificate?.subject.CN ?? ""}`;
      return `the certificate of ${address} is not for "${host}" but for ${others}; connect by one of its names, or say which one to expect with ${names.serverName}`;
    }
    default:
      return `the certificate of ${address} is not signed by ${caName} (${code}); give the CA that signed it with ${names.ca}`;
  }
}

async function handshake({ address, certificates, serverName }: FailedConnect): Promise<Look> {
  const { ca, cert, key } = certificates?.current() ?? {};
  const port = Number(address.slice(address.lastIndexOf(":") + 1));
  const plain = tcpConnect(port, hostOf(address));
  // Given a socket, `host` only says whom the certificate must name.
  const socket = connect({
    ...serverIdentity(address, serverName),
    socket: plain,
    ALPNProtocols: ["h2"],
    // Told what is wrong instead of being cut off; nothing is sent over it.
    rejectUnauthorized: false,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  });
  plain.on("error", (error) => socket.destroy(error));
  try {
    return await looked(socket);
  } finally {
    socket.destroy();
    plain.destroy();
  }
}

function looked(socket: TLSSocket): Promise<Look> {
  return new Promise((resolve) => {
    let wasSecured = false;
    const end = (errorCode: string): void => {
      clearTimeout(timer);
      const wasRefused = /ALERT|TLSV1|SSLV3/.test(errorCode);
      resolve({
        errorCode,
        // An alert is an answer in TLS as much as a certificate is.
        isTls: wasSecured || wasRefused,
        distrust: wasSecured ? distrustOf(socket) : "",
        certificate: wasSecured ? socket.getPeerCertificate() : undefined,
      });
    };
    let timer = setTimeout(() => end(""), LOOK_MS);
    socket.once("secureConnect", () => {
      wasSecured = true;
      clearTimeout(timer);
      timer = setTimeout(() => end(""), REFUSAL_WAIT_MS);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.once("close", () => end("closed"));
    // Alerts are heard by who reads.
    socket.resume();
  });
}

function distrustOf(socket: TLSSocket): string {
  if (socket.authorized) return "";
  const why: unknown = socket.authorizationError;
  if (why instanceof Error) return "code" in why ? String(why.code) : why.message;
  return String(why ?? "");
}
