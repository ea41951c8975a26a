import type { Server as TlsServer } from "node:tls";
import type { ServerCertificates } from "../../ports/certificates.ts";

/** A handshake takes two round trips; who needs longer holds a socket for nothing. Node waits 120 s. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Of a server that is made with the current certificate. */
export function tlsOptions(certificates: ServerCertificates) {
  const asksForCertificate = certificates.current().clientCa !== undefined;
  return {
    ...contextOf(certificates),
    requestCert: asksForCertificate,
    rejectUnauthorized: asksForCertificate,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  };
}

/** New connections get each replacement; those that stand are left alone. */
export function followCertificates(server: TlsServer, certificates: ServerCertificates): void {
  const forget = certificates.onChange(() => server.setSecureContext(contextOf(certificates)));
  server.once("close", forget);
}

function contextOf(certificates: ServerCertificates) {
  const { cert, key, clientCa } = certificates.current();
  return clientCa === undefined ? { cert, key } : { cert, key, ca: clientCa };
}
